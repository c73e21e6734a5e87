"""Ancestors, and the taint of a bug."""

import pytest

from seqlab.journal import LabBook
from seqlab.journal.lineage import ancestors, taints


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
