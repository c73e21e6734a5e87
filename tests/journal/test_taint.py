"""The taint of a bug."""

from typing import Any

import pytest

from seqlab.journal import LabBook, Run
from seqlab.journal.taint import taints


@pytest.fixture
def family(book: LabBook) -> LabBook:
    """child descends from mother, mother from grandmother; aunt from grandmother too; orphan from nobody here."""
    for name, parent in (
        ("child", "mother"),
        ("grandmother", None),
        ("mother", "grandmother"),
        ("aunt", "grandmother"),
        ("orphan", "deleted"),
    ):
        book.create({}, name=name, origin={}, parent=parent and {"run": parent, "step": 1})
    return book


def test_a_bug_taints_every_descendant_and_nobody_else(family: LabBook) -> None:
    assert taints(family.runs()) == {}
    family.open("mother").note("the mask", "bug")
    assert taints(family.runs()) == {
        "mother": "its verdict is bug",
        "child": "it descends from mother, whose verdict is bug",
    }
    family.open("mother").note("it was the plot", "works")
    assert taints(family.runs()) == {}


def test_the_nearest_of_several_bugs_is_named(family: LabBook) -> None:
    for name in ("grandmother", "mother"):
        family.open(name).note("", "bug")
    told = taints(family.runs())
    assert told["child"] == "it descends from mother, whose verdict is bug"
    assert told["aunt"] == "it descends from grandmother, whose verdict is bug"
    assert told["mother"] == "its verdict is bug"


def test_it_follows_a_renamed_parent_into_the_archive(family: LabBook) -> None:
    family.rename("grandmother", "matriarch")
    family.open("matriarch").note("the split", "bug")
    family.archive("matriarch")
    assert set(taints(family.everything())) == {"matriarch", "mother", "aunt", "child"}


def test_a_circle_made_by_hand_ends(book: LabBook) -> None:
    for name, parent in (("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")):
        book.create({}, name=name, origin={}, parent={"run": parent})
    book.open("d").note("x", "bug")
    assert set(taints(book.runs())) == {"d"}
    book.open("c").note("x", "bug")
    assert set(taints(book.runs())) == {"a", "b", "c", "d"}


def test_a_rerun_inherits_nothing_and_no_taint(book: LabBook) -> None:
    first = book.create({}, name="first", origin={})
    book.create({}, name="again", origin={}, parent={"kind": "rerun", "run": "first", "step": 0})
    first.note("", verdict="bug")
    assert set(taints(book.runs())) == {"first"}


def test_a_damaged_record_ends_the_lineage_and_hides_nobody_else(family: LabBook) -> None:
    family.open("grandmother").note("", "bug")
    (family.root / "mother/parent.json").write_text("{")
    assert set(taints(family.runs())) == {"grandmother", "aunt"}


def test_a_long_chain_costs_as_much_as_its_runs(book: LabBook) -> None:
    for number in range(300):
        book.create({}, name=f"r{number}", origin={}, parent={"run": f"r{number - 1}", "step": 1} if number else None)
    book.open("r0").note("", "bug")
    asked: list[str] = []

    class Asked(Run):
        @property
        def parent(self) -> dict[str, Any] | None:  # type: ignore[override]
            asked.append(self.name)
            return super().parent

    assert len(taints(Asked(run.folder) for run in book.runs())) == 300
    assert len(asked) == len(set(asked)) == 299, "each parent is asked for once, and none of the faulty run"
