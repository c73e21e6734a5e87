"""Notes, verdicts and tags, from many processes at once."""

import subprocess
from collections.abc import Callable

import pytest

from seqlab.journal import JournalError, Run

WRITER = """
import sys
from seqlab.journal import LabBook
run = LabBook(sys.argv[1]).open(sys.argv[2])
for number in range(20):
    run.note(f"{sys.argv[3]} {number} " + "x" * 2000)
"""


def test_many_processes_write_notes_at_once(run: Run, python: Callable[..., "subprocess.Popen[str]"]) -> None:
    writers = [python(WRITER, str(run.folder.parent), run.name, str(number)) for number in range(3)]
    for writer in writers:
        _, errors = writer.communicate(timeout=30)
        assert (writer.returncode, errors) == (0, "")
    told = [note.text.split()[:2] for note in run.notes()]
    assert sorted(told) == sorted([str(a), str(b)] for a in range(3) for b in range(20))
    for number in "012":
        assert [b for a, b in told if a == number] == [str(b) for b in range(20)]


def test_the_newest_verdict_counts(run: Run) -> None:
    assert run.verdict is None
    run.note("looks good", "works")
    run.note("the mask was wrong", verdict="bug")
    run.note("to be repeated")
    assert run.verdict == "bug"
    assert [note.verdict for note in run.notes()] == ["works", "bug", None]


def test_wrong_notes_are_refused(run: Run) -> None:
    with pytest.raises(JournalError, match="'good' is no verdict; choose one of works, fails"):
        run.note("x", "good")
    with pytest.raises(JournalError, match="the note for calm-lake-1 is empty"):
        run.note("  ")
    assert run.notes() == []


def test_tags_come_and_go(run: Run) -> None:
    run.tag("demo", "paper")
    run.tag("late", remove=["demo"])
    assert run.tags == ["paper", "late"]
    for tag in ("", "two words", "a,b"):
        with pytest.raises(JournalError, match="a tag is one word without commas"):
            run.tag(tag)
    assert run.notes() == []
