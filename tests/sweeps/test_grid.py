"""The grammar of grids, cells known by their content, and the record of a sweep with its queue."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import pytest
from made import declared

import seqlab
from seqlab.journal import JournalError, LabBook
from seqlab.spec import Field, Part, SpecError
from seqlab.sweeps.cells import cells_of, vary
from seqlab.sweeps.grid import combinations, draws, parse_knob, parse_knobs, setting
from seqlab.sweeps.queue import Queue, Standing
from seqlab.sweeps.record import Sweep, Trial, sweeps


class Small(Part):
    """Stands for an experiment."""

    lr: float = Field(default=1e-3, gt=0)
    width: int = 64
    seed: int = 0


def values(text: str) -> tuple[str, ...]:
    return parse_knob(text).values


def test_lists_and_ranges() -> None:
    assert values("lr=1e-3, 1e-2,none") == ("1e-3", "1e-2", "none")
    assert values("lr=1e-4..1e-1:log:4") == ("0.0001", "0.001", "0.01", "0.1")
    assert values("lr=0.5..1.5:3") == values("lr=0.5..1.5:linear:3") == ("0.5", "1.0", "1.5")
    assert values("width=64..512:log:4") == ("64", "128", "256", "512")
    assert values("lr=1e-3..3e-2:log:3") == ("0.001", "0.00547723", "0.03")
    assert values("task.path=../a.txt,../b.txt") == ("../a.txt", "../b.txt")


def test_brackets_hold_a_value_together() -> None:
    assert values("methods=none,(redo,cbp)") == ("none", "redo,cbp")
    assert values("methods=(),(redo)") == ("none", "redo")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("lr", "`lr` varies nothing; write key=a,b,c"),
        ("seed=1,2", "`seed` is no knob"),
        ("lr=1e-3,1e-3", "has 1e-3 twice"),
        ("lr=1e-3,,1e-2", "has an empty value"),
        ("lr=1..0.1:3", "the first must be the smaller"),
        ("lr=0..1:log:3", "equal ratios need ends above zero"),
        ("width=1..3:7", "has only 3 different whole numbers"),
        ("lr=0..1:1", "a range has two values or more"),
        ("methods=(redo,cbp", "a bracket without its other half"),
    ],
)
def test_what_is_wrong_is_one_sentence(text: str, told: str) -> None:
    with pytest.raises(JournalError) as caught:
        parse_knob(text)
    assert told in str(caught.value)


def test_every_combination_and_draws_that_go_on() -> None:
    knobs = parse_knobs(["lr=1e-3,1e-2", "width=64,128"])
    assert [one["lr"] + " " + one["width"] for one in combinations(knobs)] == [
        "1e-3 64", "1e-3 128", "1e-2 64", "1e-2 128",
    ]  # fmt: skip
    drawn = parse_knobs(["lr=1e-4..1e-1:log", "width=64,128"])
    assert draws(drawn, 3) == draws(drawn, 5)[:3]
    assert all(1e-4 <= float(one["lr"]) <= 1e-1 and one["width"] in ("64", "128") for one in draws(drawn, 50))
    few = parse_knobs(["lr=1e-3,1e-2", "width=64,128"])
    assert sorted(one["lr"] + one["width"] for one in draws(few, 4)) == sorted(
        one["lr"] + one["width"] for one in combinations(few)
    ), "no draw is made twice"
    with pytest.raises(JournalError, match=r"4 combinations, fewer than 5; leave --random out"):
        draws(few, 5)
    with pytest.raises(JournalError, match=r"`lr` is a range without a number of values.*--random N"):
        combinations(drawn)
    with pytest.raises(JournalError, match=r"`lr` is varied twice"):
        parse_knobs(["lr=1,2", "lr=3,4"])


def test_settings_have_types() -> None:
    assert [setting(text) for text in ("1e-3", "64", "none", "true", "hyena")] == [1e-3, 64, None, True, "hyena"]


def test_cells_are_known_by_their_content() -> None:
    plan = vary(Small(), combinations(parse_knobs(["lr=1e-3,1e-2"])), range(3))
    again = vary(Small(seed=5), combinations(parse_knobs(["lr=1e-2,0.1"])), range(2))
    shared = set(plan.experiments) & set(again.experiments)
    assert [plan.experiments[cell]["lr"] for cell in shared] == [1e-2]
    assert len(plan.trials) == len({trial.id for trial in plan.trials}) == 6
    assert plan.trials[4].settings == {"lr": 0.01}
    assert plan.trials[4].seed == 1
    with pytest.raises(JournalError, match=r"lr=0\.001 and lr=1e-3 are the same experiment"):
        vary(Small(), [{"lr": "0.001"}, {"lr": "1e-3"}], [0])
    with pytest.raises(SpecError, match="has no field `lrr`"):
        vary(Small(), [{"lrr": "1"}], [0])


def test_cells_of_a_function_differ_in_what_differs() -> None:
    def experiments() -> Iterator[Small]:
        for lr in (1e-3, 1e-2):
            yield Small(lr=lr, width=int(0.064 / lr))

    plan = cells_of(experiments(), [0])
    assert [trial.settings for trial in plan.trials] == [{"lr": 1e-3, "width": 64}, {"lr": 1e-2, "width": 6}]
    assert set(plan.experiments) == set(vary(Small(), [{"lr": "1e-3"}, {"lr": "1e-2", "width": "6"}], [0]).experiments)


def test_extending_adds_only_what_is_missing(book: LabBook) -> None:
    declared(book, "grows", [{"lr": 1}, {"lr": 2}], range(2))
    sweep = Sweep.open(book, "grows")
    new = [Trial(f"cell1-{seed}", "cell1", seed, {"lr": 2}) for seed in range(3)]
    assert [trial.id for trial in sweep.extend(new, {"cell1": {"seed": 9}}, {"seeds": 3})] == ["cell1-2"]
    assert sweep.extend(new, {}, {}) == []
    assert len(sweep.trials()) == 5
    assert sweep.experiment("cell1") == {"seed": 0}
    assert [line["declared"] for line in sweep.declarations()] == [{"recipe": "made:up"}, {"seeds": 3}]
    assert sweeps(book) == ["grows"]
    assert book.runs() == []


def test_an_unknown_sweep_names_the_nearest(book: LabBook) -> None:
    with pytest.raises(JournalError, match=r"no sweep 'rates' in .*; `seqlab sweep` makes one"):
        Sweep.open(book, "rates")
    declared(book, "rate", [{}], [0])
    with pytest.raises(JournalError, match=r"no sweep 'rates' in .*; did you mean rate"):
        Sweep.open(book, "rates")


def test_a_torn_line_is_left_out_and_written_past(book: LabBook) -> None:
    sweep = declared(book, "torn", [{"lr": 1}], [0])
    with (sweep.folder / "manifest.jsonl").open("ab") as file:
        file.write(b'{"time": "2026", "declared": {}, "tri')
    assert len(sweep.trials()) == 1
    sweep.extend([Trial("cell0-1", "cell0", 1, {"lr": 1})], {}, {})
    assert list(sweep.trials()) == ["cell0-0", "cell0-1"]


def test_a_trial_is_claimed_once_and_goes_its_way(book: LabBook) -> None:
    sweep = declared(book, "queued", [{"lr": 1}, {"lr": 2}], [0])
    queue = Queue(sweep)
    first, second = queue.claim(slot=0), queue.claim(slot=1)
    assert first is not None
    assert second is not None
    assert (first.id, second.id, queue.claim()) == ("cell0-0", "cell1-0", None)
    assert queue.standings()[second.id].claim["slot"] == 1  # type: ignore[index]
    queue.started(first, "calm-lake-1", "abc")
    queue.ended(first, "crashed", "killed")
    queue.give_back(second, "pre-empted")
    found = queue.standings()
    assert (found[first.id].run, found[first.id].run_id, found[first.id].state) == ("calm-lake-1", "abc", "crashed")
    assert not found[first.id].is_free
    assert queue.claim() == second


CLAIMER = """
import sys
from seqlab.journal import LabBook
from seqlab.sweeps.queue import Queue
from seqlab.sweeps.record import Sweep
queue = Queue(Sweep.open(LabBook(sys.argv[1]), "raced"))
while (trial := queue.claim()) is not None:
    print(trial.id, flush=True)
print("done", flush=True)
sys.stdin.read()  # what a process has claimed is free again once it is gone
"""


def test_processes_that_race_share_the_queue_and_the_dead_give_back(book: LabBook) -> None:
    sweep = declared(book, "raced", [{"lr": lr} for lr in range(8)], [0])
    environment = {**os.environ, "PYTHONPATH": str(Path(seqlab.__file__).parents[1])}
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIMER, str(book.root)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    claimed = [line.strip() for racer in racers for line in takewhile("done\n".__ne__, racer.stdout or ())]
    for racer in racers:
        racer.communicate(timeout=60)
    assert sorted(claimed) == sorted(sweep.trials())
    assert all(standing.is_free for standing in Queue(sweep).standings().values())
    assert Queue(sweep).claim() is not None
    assert Standing().is_free


def test_all_of_this_imports_no_torch() -> None:
    modules = ["cells", "grid", "queue", "record", "rules", "select", "selections", "sensitivity", "simulate"]
    imports = ", ".join(f"seqlab.sweeps.{name}" for name in modules)
    code = f"import sys, seqlab.cli.select, seqlab.cli.selected, {imports}; print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"
