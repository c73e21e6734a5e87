"""Ancestors, and the taint of a bug."""

from pathlib import Path

import pytest

from seqlab.journal import LabBook, Run
from seqlab.journal.lineage import ancestors, ancestral_curve
from seqlab.journal.taint import taints


@pytest.fixture
def family(book: LabBook) -> LabBook:
    """child descends from mother, mother from grandmother; aunt from grandmother too; orphan from nobody here."""
    for name, parent in (
        ("grandmother", None),
        ("mother", "grandmother"),
        ("aunt", "grandmother"),
        ("child", "mother"),
        ("orphan", "deleted"),
    ):
        book.create({}, name=name, origin={}, parent=parent and {"run": parent, "step": 1})
    return book


def test_ancestors_parent_first(family: LabBook) -> None:
    assert [run.name for run in ancestors(family.open("child"), family.runs())] == ["mother", "grandmother"]
    assert ancestors(family.open("orphan"), family.runs()) == []


def test_a_bug_taints_every_descendant_and_nobody_else(family: LabBook) -> None:
    assert taints(family.runs()) == {}
    family.open("mother").note("the mask", "bug")
    assert taints(family.runs()) == {
        "mother": "its verdict is bug",
        "child": "it descends from mother, whose verdict is bug",
    }
    family.open("mother").note("it was the plot", "works")
    assert taints(family.runs()) == {}


def test_the_taint_follows_a_renamed_parent(family: LabBook) -> None:
    family.rename("grandmother", "matriarch")
    family.open("matriarch").note("the split", "bug")
    assert set(taints(family.runs())) == {"matriarch", "mother", "aunt", "child"}


def test_a_circle_ends(book: LabBook) -> None:
    book.create({}, name="a", origin={}, parent={"run": "b"})
    book.create({}, name="b", origin={}, parent={"run": "a"})
    book.open("a").note("x", "bug")
    assert set(taints(book.runs())) == {"a", "b"}


def test_a_curve_goes_through_all_ancestors_with_marks_where_settings_changed(tmp_path: Path) -> None:
    book = LabBook(tmp_path)

    def made(name: str, steps: range, parent: dict[str, object] | None = None) -> Run:
        run = book.create({}, name=name, origin={}, parent=parent)
        with run.attempt() as attempt:
            for step in steps:
                attempt.log(step=step, **{"train/loss": float(step)})
        return run

    made("first", range(1, 9))
    made("second", range(5, 11), {"run": "first", "step": 4, "took_effect": ["optim.lr 1 -> 2 took effect"]})
    third = made("third", range(8, 10), {"run": "second", "step": 7})
    steps, values, marks = ancestral_curve(third, book.runs(), "train/loss")
    assert steps == list(range(1, 10))
    assert values == [float(step) for step in steps]
    assert [(mark.step, mark.run, mark.changes) for mark in marks] == [
        (4, "second", ["optim.lr 1 -> 2 took effect"]),
        (7, "third", []),
    ]


def test_a_run_that_took_the_name_of_a_parent_is_not_the_parent(book: LabBook) -> None:
    parent = book.create({}, name="base", origin={})
    book.create({}, name="child", origin={}, parent={"run": "base", "run_id": parent.id, "step": 1})
    book.rename("base", "old-base")
    book.create({}, name="base", origin={})
    assert [run.name for run in ancestors(book.open("child"), book.runs())] == ["old-base"]
    book.open("old-base").note("the mask", "bug")
    assert set(taints(book.runs())) == {"old-base", "child"}


def test_a_curve_never_runs_backwards(tmp_path: Path) -> None:
    book = LabBook(tmp_path)
    line = (("first", 8, None), ("second", 6, ("first", 4)), ("third", 2, ("second", 3)))
    for name, steps, parent in line:
        start = parent and {"run": parent[0], "step": parent[1], "inherited": ["weights"]}
        run = book.create({}, name=name, origin={}, parent=start)
        with run.attempt() as attempt:
            for step in range(1, steps + 1):
                attempt.log(step=step, **{"train/loss": float(step)})
    steps, values, marks = ancestral_curve(run, book.runs(), "train/loss")
    assert steps == list(range(1, 10))
    assert values == [1, 2, 3, 4, 1, 2, 3, 1, 2]
    assert [(mark.step, mark.run) for mark in marks] == [(4, "second"), (7, "third")]


def test_a_rerun_inherits_nothing_and_no_taint(tmp_path: Path) -> None:
    book = LabBook(tmp_path)
    first = book.create({}, name="first", origin={})
    book.create({}, name="again", origin={}, parent={"kind": "rerun", "run": "first", "step": 0})
    first.note("", verdict="bug")
    assert set(taints(book.runs())) == {"first"}
