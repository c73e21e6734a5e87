"""Selection on sweeps whose answer is known: winner, ties, edges, arms, disagreement, and what is left out."""

from __future__ import annotations

import json
import math

import pytest
from made import declared, finished, losses, ran

from seqlab.journal import JournalError, LabBook
from seqlab.statistics import quantile, upper_tail
from seqlab.sweeps.extending import Beyond, beyond
from seqlab.sweeps.queue import Queue
from seqlab.sweeps.record import Sweep
from seqlab.sweeps.rules import parse
from seqlab.sweeps.select import Choice, Group, choose, select
from seqlab.sweeps.select.boundary import extension
from seqlab.sweeps.select.ties import beaten
from seqlab.sweeps.selections import keep_selection, selections

RATES = [{"lr": 1e-3}, {"lr": 1e-2}, {"lr": 1e-1}]
LOSS = parse("min(val/loss)")


def chosen(sweep: Sweep, rule: str = "min(val/loss)") -> Choice:
    return select(sweep, [parse(rule)]).choices[0][1]


def group(cell: str, *values: float, **settings: object) -> Group:
    return Group(cell, settings, dict(enumerate(values)))


def cells(groups: tuple[Group, ...]) -> list[str]:
    return [one.cell for one in groups]


def test_student_agrees_with_the_tables() -> None:
    for tail, freedom, expected in (
        (0.05, 1, 6.313752),
        (0.025, 4, 2.776445),
        (0.001, 2, 22.32712),
        (0.005, 60, 2.660283),
    ):
        assert quantile(tail, freedom) == pytest.approx(expected, rel=1e-4)
        assert upper_tail(expected, freedom) == pytest.approx(tail, rel=2e-3)
    assert upper_tail(-1.0, 3) == pytest.approx(1 - upper_tail(1.0, 3))


def test_winner_mean_and_standard_error(book: LabBook) -> None:
    found = chosen(finished(book, "clear", [(RATES[0], (2.0, 2.2)), (RATES[1], (1.0, 1.2)), (RATES[2], (3.0, 3.2))]))
    assert found.winner.settings == {"lr": 1e-2}
    assert found.winner.mean == pytest.approx(1.1)
    assert found.winner.standard_error == pytest.approx(0.1)
    assert cells(found.ties) == ["cell1"]
    assert found.boundary == ()
    assert found.winner.runs == {0: "clear-cell1-0", 1: "clear-cell1-1"}


def test_pairing_over_seeds_tells_cells_apart_that_seeds_would_hide() -> None:
    worse = group("worse", 1.1, 3.11, 5.09, 7.1)
    better = group("better", 1.0, 3.0, 5.0, 7.0)
    assert [one and one.by.cell for one in beaten([worse, better], False)] == ["better", None]
    unpaired = Group("unpaired", {}, dict(zip((4, 5, 6, 7), worse.values.values(), strict=True)))
    assert beaten([unpaired, better], False) == [None, None]


def test_a_step_of_a_coarse_accuracy_is_no_lead() -> None:
    alike = [group("a", 0.81, 0.83), group("b", 0.80, 0.82)]
    assert beaten(alike, True) == [None, None]
    certain = [group("a", 0.81, 0.81), group("b", 0.80, 0.80)]
    assert beaten(certain, True)[1] is not None


def test_more_cells_make_it_harder_to_be_beaten() -> None:
    lead = [group("better", 0.0, 0.0, 0.0), group("worse", 1.0, 1.3, 0.7)]
    assert beaten(lead, False)[1] is not None
    many = lead + [group(f"other{index}", 0.1, 1.4, -0.9) for index in range(40)]
    assert beaten(many, False)[1] is None


def test_one_seed_establishes_nothing(book: LabBook) -> None:
    found = chosen(finished(book, "single", [(one, (loss,)) for one, loss in zip(RATES, (3.0, 1.0, 2.0), strict=True)]))
    assert cells(found.ties) == ["cell1", "cell2", "cell0"]
    assert found.winner.standard_error is None
    assert "single seed" in found.warnings[0]


def test_for_an_accuracy_more_is_better(book: LabBook) -> None:
    sweep = finished(book, "high", [(RATES[0], (0.2, 0.21)), (RATES[1], (0.9, 0.91))], metric="val/accuracy")
    assert chosen(sweep, "last(val/accuracy)").winner.cell == "cell1"


@pytest.mark.parametrize(
    ("values", "edge", "expected"),
    [
        ([1e-4, 1e-3, 1e-2], "highest", (0.1, 1.0)),
        ([1e-4, 1e-3, 1e-2], "lowest", (1e-5, 1e-6)),
        ([1, 2, 3], "highest", (4, 5)),
        ([64, 128, 256], "highest", (512, 1024)),
        ([0, 1e-3, 1e-2], "lowest", ()),
        ([0, 1e-3, 1e-2], "highest", (0.1, 1.0)),
        ([0.7, 0.8, 0.9, 0.95, 0.975, 0.99], "highest", (0.996, 0.9984)),
        ([0.25, 0.5, 1, 2, 4], "lowest", (0.125, 0.0625)),
        ([-2, -1, 0, 1], "lowest", (-3, -4)),
        ([0.1, 0.2, 0.3], "lowest", (0.05, 0.025)),
        ([1, 2], "lowest", ()),
    ],
)
def test_a_grid_is_extended_as_it_went(values: list[float], edge: str, expected: tuple[float, ...]) -> None:
    assert extension(values, edge) == pytest.approx(expected)


def test_an_edge_alarms_for_the_winner_and_for_its_ties() -> None:
    bowl = [
        group(str(rate), loss, loss + 0.02, loss - 0.01, lr=rate) for rate, loss in ((1e-4, 5), (1e-3, 3), (1e-2, 1))
    ]
    found = choose(bowl, higher_is_better=False)
    assert found is not None
    (alarm,) = found.boundary
    assert (alarm.knob, alarm.edge, alarm.whose, alarm.extension) == ("lr", "highest", "winner", (0.1, 1.0))
    assert str(alarm) == "the best cell has the highest lr that was tried, 0.01; run lr=0.1,1"
    near = [*bowl[:2], group("0.01", 1.0, 1.4, 0.6, lr=1e-2), group("0.1", 1.1, 1.2, 1.0, lr=1e-1)]
    found = choose(near, higher_is_better=False)
    assert found is not None
    assert [(alarm.edge, alarm.whose) for alarm in found.boundary] == [("highest", "ties")]


def test_only_cells_on_the_edge_go_on_beyond_it() -> None:
    groups = [
        group(f"{optim} {rate} {width}", loss, loss + 0.01, loss - 0.01, optim=optim, lr=rate, width=width)
        for optim, rate, width, loss in (
            ("adamw", 1e-3, 64, 3.0), ("adamw", 1e-2, 64, 1.0), ("adamw", 1e-3, 32, 3.5), ("adamw", 1e-2, 32, 2.0),
            ("adamw", 1e-3, 128, 3.2), ("adamw", 1e-2, 128, 2.5),
        )
    ]  # fmt: skip
    found = choose(groups, higher_is_better=False)
    assert found is not None
    assert beyond(found) == [Beyond("adamw 0.01 64", "lr", 0.1), Beyond("adamw 0.01 64", "lr", 1.0)]


def test_none_beside_numbers_is_one_of_them() -> None:
    groups = [group(str(clip), loss, loss + 0.01, clip=clip) for clip, loss in ((None, 3.0), (1.0, 2.0), (0.5, 1.0))]
    found = choose(groups, higher_is_better=False)
    assert found is not None
    assert len(found.arms) == 1
    assert [(alarm.edge, alarm.extension) for alarm in found.boundary] == [("lowest", (0.25, 0.125))]


def test_a_cell_without_all_its_seeds_is_named_and_not_judged(book: LabBook) -> None:
    sweep = declared(book, "half", RATES, range(2))
    for seed in range(2):
        ran(sweep, f"cell0-{seed}", losses(2.0 + seed / 10))
    ran(sweep, "cell1-0", losses(0.1))
    ran(sweep, "cell1-1", losses(0.1), state="failed")
    ran(sweep, "cell2-0", losses(math.nan))
    found = chosen(sweep)
    assert found.winner.cell == "cell0"
    told = {one.cell: one.problems for one in found.groups}
    assert told["cell1"][0].startswith("seed 1: half-cell1-1 is failed (attempt 1 wrote exit.json")
    assert told["cell2"] == (
        "seed 0: val/loss of half-cell2-0 is not a finite number",
        "seed 1: it has not been run",
    )
    assert "2 of 3 cells lack seeds and were not judged" in found.warnings


def test_what_ended_before_there_was_a_run_is_told(book: LabBook) -> None:
    sweep = finished(book, "early", [(RATES[0], (1.0, 2.0)), (RATES[1], (1.0,))])
    Queue(sweep).ended(sweep.trials()["cell1-1"], "failed", "there is no mixer `hyaena`")
    told = chosen(sweep).groups[1].problems
    assert told == ("seed 1: it failed before there was a run (there is no mixer `hyaena`)",)


def test_where_no_cell_is_whole_those_with_the_most_seeds_are_judged(book: LabBook) -> None:
    sweep = declared(book, "begun", RATES, range(3))
    for trial, loss in (("cell0-0", 2.0), ("cell0-1", 2.1), ("cell1-0", 1.0), ("cell1-1", 1.1), ("cell2-0", 0.0)):
        ran(sweep, trial, losses(loss))
    found = chosen(sweep)
    assert found.winner.cell == "cell1"
    assert "no cell has all its seeds: judged are the 2 that have 2" in found.warnings


def test_nothing_finished_is_one_sentence(book: LabBook) -> None:
    with pytest.raises(
        JournalError, match="no run of the sweep idle counts yet; the first of 3: seed 0: it has not been"
    ):
        chosen(declared(book, "idle", RATES, [0]))


def test_a_tainted_run_is_left_out_and_named(book: LabBook) -> None:
    sweep = finished(book, "bug", [(RATES[0], (1.0, 1.1)), (RATES[1], (2.0, 2.1))])
    book.open("bug-cell0-1").note("saw the future", "bug")
    book.rename("bug-cell1-0", "another-name")
    found = select(sweep, [LOSS])
    assert found.tainted == {"bug-cell0-1": "seed 1: bug-cell0-1 is tainted: its verdict is bug"}
    assert found.choices[0][1].winner.runs == {0: "another-name", 1: "bug-cell1-1"}


def test_different_floors_are_refused(book: LabBook) -> None:
    sweep = declared(book, "floors", RATES[:2], [0])
    ran(sweep, "cell0-0", losses(1.0), floors={"bigram": {"nats_per_symbol": 2.4}})
    ran(sweep, "cell1-0", losses(1.0), floors={"bigram": {"nats_per_symbol": 2.5}, "slow": {"loss": 1.0}})
    with pytest.raises(JournalError, match=r"have different floors \(bigram nats_per_symbol 2.4 and 2.5\): they were"):
        chosen(sweep)


def test_a_test_split_is_refused_unless_asked_for(book: LabBook) -> None:
    sweep = finished(book, "test", [(RATES[0], (1.0,))], metric="test/loss")
    rule = parse("last(test/loss)")
    with pytest.raises(JournalError, match=r"'last\(test/loss\)' selects on a test split.*--allow-test"):
        select(sweep, [rule])
    assert select(sweep, [rule], allow_test=True).choices[0][1].winner.mean == 1.0


def test_arms_that_were_tuned_less_or_do_no_good_are_named() -> None:
    groups = [
        *(group(f"none{rate}", 1.0, 1.1, methods=None, lr=rate) for rate in (1, 2, 3)),
        *(group(f"redo{rate}", 2.0, 2.1, methods="redo", lr=rate) for rate in (1, 2)),
    ]
    found = choose(groups, higher_is_better=False)
    assert found is not None
    assert found.warnings == (
        "not tuned alike: methods=none had 3 cells to choose from, methods=redo 2; the best of more cells looks better "
        "than it is",
        "methods=redo is below doing nothing: its best cell has 2.05, methods=none has 1.05",
    )


def test_rules_that_disagree_say_what_should_have_run(book: LabBook) -> None:
    sweep = declared(book, "two", RATES, range(3))
    ends = {"cell0": (0.5, 3.0), "cell1": (1.0, 2.0), "cell2": (2.0, 2.01)}
    for cell, (lowest, last) in ends.items():
        for seed in range(3):
            ran(sweep, f"{cell}-{seed}", losses(lowest, last + seed / 10 + (seed == 1 and cell == "cell2") / 50))
    found = select(sweep, [LOSS, parse("last(val/loss)")])
    (disagreement,) = found.disagreements
    (regret,) = disagreement.regrets
    assert (regret.ran.cell, regret.should_have_been.cell, regret.re_run) == ("cell0", "cell1", True)
    assert regret.difference == pytest.approx(1.0)
    assert disagreement.rank_correlation == pytest.approx(-0.5)
    json.dumps(found.to_json())


def test_a_selection_is_kept_once(book: LabBook) -> None:
    sweep = finished(book, "kept", [(RATES[0], (1.0,))])
    found = select(sweep, [LOSS])
    assert keep_selection(sweep, found.kept())
    assert not keep_selection(sweep, found.kept())
    (kept,) = selections(sweep)
    assert parse(kept["rules"][0]["rule"]["text"]) == LOSS
    assert kept["rules"][0]["winner"] == "cell0"
