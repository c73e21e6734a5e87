"""Curves over every axis, and runs side by side, on lines whose crossings are known."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from seqlab.journal import JournalError, LabBook, Run
from seqlab.journal.comparison import compared as compared_groups
from seqlab.journal.comparison import differences_that_matter
from seqlab.journal.curves import COLUMNS, curve, usual_metric
from seqlab.journal.groups import RunGroup


def made(book: LabBook, name: str, values: Mapping[int, float], metric: str = "val_subset/loss", **origin: Any) -> Run:
    """A run with a value at each step, 10 tokens, half an epoch, a task and 2 seconds a step."""
    run = book.create({"task": {"part": "tasks/text"}}, name=name, origin={"data": {"text": "1"}, **origin})
    with run.attempt() as attempt:
        for step, value in values.items():
            place = {"epoch": step / 2, "task": step, "tokens": 10 * step, "wall_seconds": 2.0 * step}
            attempt.log(step=step, **place, **{metric: value})
    return run


def compared(runs: Sequence[Run], *asked: Any, **more: Any) -> dict[str, Any]:
    """The comparison of single runs."""
    return compared_groups([RunGroup.alone(run) for run in runs], *asked, **more)


def straight(start: float, slope: float) -> dict[int, float]:
    return {step: start + slope * step for step in range(1, 11)}


def test_every_axis(book: LabBook) -> None:
    run = made(book, "one", straight(5, -0.5))
    factors = {"step": 1, "tokens": 10, "epochs": 0.5, "tasks": 1, "wall": 2}
    for axis in COLUMNS:
        found = curve(run, "val_subset/loss", axis)
        assert found.x == [step * factors[axis] for step in range(1, 11)]
        assert found.y == list(straight(5, -0.5).values())


def test_between_measurements_it_is_linear_and_outside_unknown(book: LabBook) -> None:
    found = curve(made(book, "one", {1: 4.0, 3: 2.0}), "val_subset/loss")
    assert [found.at(x) for x in (0.5, 1, 1.5, 2, 3, 3.5)] == [None, 4.0, 3.5, 3.0, 2.0, None]


def test_two_lines_cross_where_they_do(book: LabBook) -> None:
    slow, fast = made(book, "slow", straight(4, -0.1)), made(book, "fast", straight(5, -0.3))
    told = compared([slow, fast], "val_subset/loss")
    (crossing,) = told["crossings"]["step"]
    assert crossing["at"] == pytest.approx(5)
    assert crossing["leads_from_there"] == "fast"
    assert [row["leader"] for row in told["equal"]["step"]] == ["slow", "fast", "fast", "fast"]
    assert [row["at"] for row in told["equal"]["tokens"]] == [32.5, 55.0, 77.5, 100.0]
    reached = {found["run"]: found["at"] for found in told["reaches"]["step"]}
    assert reached == {"fast": 7, "slow": None}
    assert "single seed" in told["verdict"]


def test_for_an_accuracy_more_is_better(book: LabBook) -> None:
    runs = [made(book, name, straight(0, slope), "val/accuracy") for name, slope in (("low", 0.01), ("high", 0.02))]
    told = compared(runs, "val/accuracy")
    assert {row["leader"] for row in told["equal"]["wall"]} == {"high"}


def test_what_makes_a_comparison_mean_less_is_told(book: LabBook) -> None:
    one, other = made(book, "one", straight(4, 0)), made(book, "other", straight(4, 0), data={"text": "2"})
    with other.attempt() as attempt:
        attempt.summarise(alarms=["too good"])
    told = compared([one, other], "val_subset/loss", taints={"other": "it descends from worse, whose verdict is bug"})
    assert told["warnings"] == [
        "other is tainted: it descends from worse, whose verdict is bug",
        "one and other were trained on other data: their numbers are of other texts",
        "other has an alarm",
    ]
    assert {row["leader"] for row in told["equal"]["step"]} == {None}


def test_nothing_in_common_is_one_sentence(book: LabBook) -> None:
    early, late = made(book, "early", {1: 1.0, 2: 1.0}), made(book, "late", {5: 1.0, 6: 1.0})
    with pytest.raises(JournalError, match=r"no range of val_subset/loss in common; steps: early 1 to 2, late 5 to 6$"):
        compared([early, late], "val_subset/loss", ["step"])


def test_a_group_whose_runs_have_no_place_in_common_is_told_from_one_without_values(book: LabBook) -> None:
    early, late = made(book, "early", {1: 1.0, 2: 1.0}), made(book, "late", {5: 1.0, 6: 1.0})
    group, other = RunGroup("group", (early, late)), RunGroup.alone(made(book, "other", straight(4, 0)))
    told = "group has no place where all of it has a finite value, other 2 to 20; seconds begin with the process, and"
    with pytest.raises(JournalError, match=told):
        compared_groups([group, other], "val_subset/loss", ["wall"])


def test_a_fork_says_that_it_has_the_end_of_a_way_only(book: LabBook) -> None:
    parent, fork = made(book, "first", {1: 1.0, 2: 1.0}), made(book, "fork", {3: 1.0, 4: 1.0})
    inherited = {"kind": "fork", "run": "first", "step": 2, "inherited": ["weights", "progress"]}
    (fork.folder / "parent.json").write_text(json.dumps(inherited))
    fork = book.open("fork")
    told = "fork goes on from first at step 2: the steps before are its parent's, and its seconds count from there"
    with pytest.raises(JournalError, match=f"; seconds: first 2 to 4, fork 6 to 8; {told}$"):
        compared([parent, fork], "val_subset/loss", ["wall"])
    assert told in differences_that_matter([parent, fork], {})


def test_what_was_not_recorded_is_one_sentence(book: LabBook) -> None:
    run = made(book, "one", straight(4, 0))
    with pytest.raises(JournalError, match="no metric 'val_subset/los'; it has val_subset/loss"):
        curve(run, "val_subset/los")
    bare = book.create({}, name="bare", origin={})
    with pytest.raises(JournalError, match="no metric yet"):
        usual_metric(bare)
    with bare.attempt() as attempt:
        attempt.log(step=1, **{"train/loss": 1.0})
    assert usual_metric(bare) == "train/loss"
    with pytest.raises(JournalError, match="did not record tokens with each train/loss; it has steps, seconds"):
        curve(bare, "train/loss", "tokens")


def test_a_metric_that_all_recorded_is_taken_first(book: LabBook) -> None:
    one, other = made(book, "one", straight(4, 0)), made(book, "other", straight(4, 0), "val/loss")
    with pytest.raises(JournalError, match=r"one and other have no metric in common$"):
        usual_metric(one, other)
    with other.attempt() as attempt:
        attempt.log(step=11, **{"val_subset/loss": 1.0})
    assert usual_metric(other) == usual_metric(other, one) == "val_subset/loss"


def test_of_several_values_at_one_place_the_last_counts(book: LabBook) -> None:
    run = book.create({}, name="again", origin={})
    with run.attempt() as attempt:
        for value in (4.0, 1.0, 3.0):
            attempt.log(step=5, wall_seconds=value, **{"val/loss": value})
        attempt.log(step=2, wall_seconds=4.0, **{"val/loss": 2.0})
    assert curve(run, "val/loss").points == [(2.0, 2.0), (5.0, 3.0)]
    told = compared([run, made(book, "flat", straight(3, 0), "val/loss")], "val/loss", ["step"])
    assert {found["reaches"]: found["value"] for found in told["reaches"]["step"]}["again"] == 3.0


def test_an_axis_that_was_not_recorded_is_told(book: LabBook) -> None:
    full, bare = made(book, "full", straight(4, -0.1)), book.create({}, name="bare", origin={})
    with bare.attempt() as attempt:
        for step in (1, 9):
            attempt.log(step=step, wall_seconds=float(step), **{"val_subset/loss": 3.0})
    told = compared([full, bare], "val_subset/loss")
    assert list(told["equal"]) == ["step", "wall"]
    assert "bare did not record tokens" in told["left_out"]["tokens"]
    with pytest.raises(JournalError, match="bare did not record tokens"):
        compared([full, bare], "val_subset/loss", ["tokens"])


def test_the_end_of_the_common_range_is_within_it_whatever_the_rounding(book: LabBook) -> None:
    runs = []
    for name, ends in (("a", (0.1, 0.7)), ("b", (0.3, 0.9)), ("c", (0.29999999999999993, 0.7000000000000001))):
        runs.append(book.create({}, name=name, origin={}))
        with runs[-1].attempt() as attempt:
            for step, seconds in enumerate(ends):
                attempt.log(step=step, wall_seconds=seconds, **{"val/loss": 1.0})
    for pair in (runs[:2], runs[1:], runs):
        rows = compared(pair, "val/loss", ["wall"])["equal"]["wall"]
        assert all(value is not None for row in rows for value in row["values"].values())
