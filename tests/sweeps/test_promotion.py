"""What lies beyond an edge, and the chosen cells on fresh seeds: asked for here, trained in the commands' tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from made import losses, planned, ran

from seqlab.experiment import Experiment
from seqlab.journal import LabBook
from seqlab.sweeps import promotion
from seqlab.sweeps.errors import SweepError
from seqlab.sweeps.extending import extend
from seqlab.sweeps.record import Sweep
from seqlab.sweeps.rules import Rule, parse
from seqlab.sweeps.select import Choice, select
from tiny_runs import text, tiny

__all__ = ["text", "tiny"]

BY_LOSS = parse("min(val/loss)")
NOISE = (0.01, -0.01, 0.02)


@pytest.fixture
def sweep(book: LabBook, tiny: Experiment) -> Sweep:
    """Three rates, of which the highest is best, and two widths, of which the second is not told from the first."""
    made = planned(book, "rates", tiny, ["optim.lr=0.001,0.01,0.1", "batch.size=4,8"], 3)
    for trial in made.trials().values():
        base = {0.001: 3.0, 0.01: 2.0, 0.1: 1.0}[trial.settings["optim.lr"]]
        wobble = NOISE[trial.seed] * (1 if trial.settings["batch.size"] == 4 else -1)
        ran(made, trial.id, losses(base + wobble))
    return made


def chosen(sweep: Sweep, rule: Rule = BY_LOSS) -> Choice:
    return select(sweep, [rule]).choices[0][1]


def test_an_extension_is_part_of_the_sweep(sweep: Sweep) -> None:
    new = extend(sweep, chosen(sweep))
    assert {(trial.settings["optim.lr"], trial.settings["batch.size"]) for trial in new} == {
        (1.0, 4), (10.0, 4), (1.0, 8), (10.0, 8), (0.1, 16), (0.1, 32),
    }  # fmt: skip
    assert sorted({trial.seed for trial in new}) == [0, 1, 2]
    cell = sweep.experiment(new[0].cell)
    assert cell["optim"]["lr"] == new[0].settings["optim.lr"]
    assert sweep.declarations()[-1]["declared"]["extends"][0]["knob"] == "optim.lr"
    assert extend(sweep, chosen(sweep)) == []


def test_nothing_is_asked_for_where_a_scale_ends(book: LabBook, tiny: Experiment) -> None:
    made = planned(book, "shares", tiny, ["optim.weight_decay=0.1,0.0"], 2)
    for trial in made.trials().values():
        ran(made, trial.id, losses(1 + trial.settings["optim.weight_decay"] + NOISE[trial.seed]))
    assert extend(made, chosen(made)) == []


def promoted(sweep: Sweep, changes: Mapping[str, str] | None = None) -> Sweep:
    """The promotion of the best cells, with runs that are worse than those of the choice."""
    target = Sweep(sweep.book, "rates-promoted")
    wanted = promotion.plan(sweep, chosen(sweep), 2, changes or {})
    for trial in promotion.promote(sweep, wanted, BY_LOSS, target):
        ran(target, trial.id, losses(1.5 + trial.seed / 100 + 0.3 * (trial.settings["batch.size"] == 8)))
    return target


def test_the_winner_and_its_ties_run_on_seeds_that_took_no_part(sweep: Sweep) -> None:
    target = promoted(sweep)
    trials = target.trials().values()
    assert {trial.seed for trial in trials} == {3, 4}
    assert {trial.settings["batch.size"] for trial in trials} == {4, 8}
    found = promotion.judge(sweep, chosen(sweep), BY_LOSS, target)
    first = found.candidates[0]
    assert first.selected.cell == chosen(sweep).winner.cell
    assert first.optimism == pytest.approx(first.fresh.mean - first.selected.mean)
    assert first.optimism > 0.4
    assert first.standard_errors is not None
    assert first.standard_errors > 10
    assert found.changes == {}
    assert promotion.promote(sweep, promotion.plan(sweep, chosen(sweep), 2, {}), BY_LOSS, target) == []


def test_a_winner_that_does_not_hold_is_said_to(sweep: Sweep) -> None:
    found = promotion.judge(sweep, chosen(sweep), BY_LOSS, promoted(sweep))
    assert found.holds == (found.candidates[0].fresh.settings["batch.size"] == 4)


def test_seeds_that_the_sweep_has_since_are_left_out(sweep: Sweep, tiny: Experiment) -> None:
    target = promoted(sweep)
    planned(sweep.book, "rates", tiny, ["optim.lr=0.001,0.01,0.1", "batch.size=4,8"], 4)
    for trial in sweep.trials().values():
        if trial.seed == 3:
            ran(sweep, trial.id, losses(2.0))
    found = promotion.judge(sweep, chosen(sweep), BY_LOSS, target)
    assert {seed for one in found.candidates for seed in one.fresh.values} == {4}


def test_what_differs_from_the_selected_is_told(sweep: Sweep) -> None:
    found = promotion.judge(sweep, chosen(sweep), BY_LOSS, promoted(sweep, {"clip": "0.5"}))
    assert found.changes == {"clip": (1.0, 0.5)}
    with pytest.raises(SweepError, match="another one"):
        promotion.promote(
            sweep, promotion.plan(sweep, chosen(sweep), 2, {}), BY_LOSS, Sweep(sweep.book, "rates-promoted")
        )


@pytest.mark.parametrize(
    ("changes", "told"), [({"optim.lr": "1"}, "is what rates was to choose"), ({"seed": "3"}, "took no part")]
)
def test_an_override_of_what_was_chosen_is_refused(sweep: Sweep, changes: Mapping[str, str], told: str) -> None:
    with pytest.raises(SweepError, match=told):
        promotion.plan(sweep, chosen(sweep), 2, changes)


def test_the_rule_is_that_of_the_last_selection(sweep: Sweep) -> None:
    with pytest.raises(SweepError, match="nothing was selected from rates yet"):
        promotion.rule_of(sweep)


def test_a_promotion_without_runs_is_a_sentence(sweep: Sweep, tiny: Experiment) -> None:
    target = promoted(sweep)
    planned(sweep.book, "rates", replace(tiny), ["optim.lr=0.001,0.01,0.1", "batch.size=4,8"], 5)
    for trial in sweep.trials().values():
        if trial.seed > 2:
            ran(sweep, trial.id, losses(2.0))
    with pytest.raises(SweepError, match="has a seed that took no part"):
        promotion.judge(sweep, chosen(sweep), BY_LOSS, target)
