"""Curves over every axis, and runs side by side, on lines whose crossings are known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from seqlab.journal import JournalError, LabBook, Run
from seqlab.journal.comparison import compared
from seqlab.journal.curves import AXES, curve, usual_metric


def made(book: LabBook, name: str, values: Mapping[int, float], metric: str = "val_subset/loss", **origin: Any) -> Run:
    """A run with a value at each step, 10 tokens, half an epoch and 2 seconds a step."""
    run = book.create({"task": {"part": "tasks/text"}}, name=name, origin={"data": {"text": "1"}, **origin})
    with run.attempt() as attempt:
        for step, value in values.items():
            attempt.log(step=step, epoch=step / 2, tokens=10 * step, wall_seconds=2.0 * step, **{metric: value})
    return run


def straight(start: float, slope: float) -> dict[int, float]:
    return {step: start + slope * step for step in range(1, 11)}


def test_every_axis(book: LabBook) -> None:
    run = made(book, "one", straight(5, -0.5))
    factors = {"step": 1, "tokens": 10, "epochs": 0.5, "wall": 2}
    for axis in AXES:
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
    other.note("", verdict="bug")
    told = compared([one, other], "val_subset/loss")
    assert any("other data" in warning for warning in told["warnings"])
    assert any("bug" in warning for warning in told["warnings"])
    assert {row["leader"] for row in told["equal"]["step"]} == {None}


def test_nothing_in_common_is_one_sentence(book: LabBook) -> None:
    early, late = made(book, "early", {1: 1.0, 2: 1.0}), made(book, "late", {5: 1.0, 6: 1.0})
    with pytest.raises(JournalError, match="no range of val_subset/loss in common"):
        compared([early, late], "val_subset/loss", ["step"])


def test_what_was_not_recorded_is_one_sentence(book: LabBook) -> None:
    run = made(book, "one", straight(4, 0))
    with pytest.raises(JournalError, match="did you mean val_subset/loss"):
        curve(run, "val_subset/los")
    bare = book.create({}, name="bare", origin={})
    with pytest.raises(JournalError, match="no metric yet"):
        usual_metric(bare)
    with bare.attempt() as attempt:
        attempt.log(step=1, **{"train/loss": 1.0})
    assert usual_metric(bare) == "train/loss"
    with pytest.raises(JournalError, match="did not record tokens"):
        curve(bare, "train/loss", "tokens")
