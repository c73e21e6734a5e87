"""A kill at any moment of any file operation: nothing half is listed, all can be read, and resume changes no bit."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from operations import Death, Kill, in_child, intercept
from short_runs import Short, said

from same_runs import assert_same
from seqlab.journal import LabBook, Run
from seqlab.train.checkpoint import checkpoints
from seqlab.train.fork import fork
from seqlab.train.start import record, resume

MOMENTS = 100
"""A short run has more than so many at which it can be killed."""


def killed_everywhere(short: Short, first: int, every: int) -> Iterator[tuple[int, Run]]:
    """Runs that died, each at a later moment, until one lives to its end."""
    moment = first
    while True:
        run = short.queued(f"killed-{moment}")
        death = short.trained(run, Kill(moment))
        assert death.error == ""
        if not death.killed:
            break
        yield moment, run
        shutil.rmtree(run.folder)
        moment += every
    assert moment > MOMENTS
    assert_same(short.whole, run)


def assert_true(run: Run) -> None:
    """Fail unless the state is what the files say, and everything that reads a run can read this one."""
    state = run.state()
    attempt = run.folder / "attempts" / "1"
    if not attempt.exists():
        assert state.name == "queued"
    elif (attempt / "exit.json").exists():
        assert state.name == "finished"
    else:
        assert state.name == "crashed"
    assert run.damage() is None
    assert run.metrics.damaged == 0
    shown = json.loads(said("show", run.name, "--json"))
    assert (shown["state"], shown["evidence"]) == state
    assert f"{run.name}  {state.name}" in said("show", run.name)
    assert run.name in said("ls")
    said("tail", run.name)


def survives_every_kill(short: Short, first: int, every: int) -> None:
    for moment, run in killed_everywhere(short, first, every):
        assert_true(run)
        assert in_child(lambda run=run: resume(run)) == Death(False, ""), moment
        assert run.state().name == "finished", moment
        assert_same(short.whole, run)
        left = [*run.folder.glob("checkpoints/.*"), *run.folder.glob(".*"), *run.folder.glob("attempts/*/ballast")]
        assert left == [], moment


def test_a_kill_at_every_eleventh_moment_changes_no_bit(short: Short) -> None:
    survives_every_kill(short, first=3, every=11)


@pytest.mark.slow
def test_a_kill_at_every_moment_changes_no_bit(short: Short) -> None:
    survives_every_kill(short, first=1, every=1)


def test_a_kill_while_a_run_is_made_leaves_a_whole_run_or_none(short: Short, tmp_path: Path) -> None:
    book, moment = LabBook(tmp_path / "other"), 0
    prepared = replace(short.prepared, book=book)
    while True:
        moment += 1

        def make(moment: int = moment) -> None:
            intercept(Kill(moment))
            record(prepared, name="run", sources={"recipe.py": b"text = 1\n"})

        killed = in_child(make).killed
        if killed and not book.runs():
            record(prepared, name="run", sources={"recipe.py": b"text = 1\n"})
        [run] = book.runs()
        assert run.state().name == "queued"
        assert run.damage() is None
        assert (run.folder / "source" / "recipe.py").read_bytes() == b"text = 1\n"
        shutil.rmtree(run.folder)
        if not killed:
            break
    assert moment > 15


def test_a_kill_while_a_fork_is_made_leaves_one_with_its_beginning_or_none(short: Short, tmp_path: Path) -> None:
    book, moment, killed = LabBook(tmp_path / "other"), 0, True
    prepared = replace(fork(short.whole, None, ["budget.steps=5"], None, short.book).prepared, book=book)
    while killed:
        moment += 1

        def make(moment: int = moment) -> None:
            intercept(Kill(moment))
            record(prepared, name="run")

        killed = in_child(make).killed
        for run in book.runs():
            assert run.damage() is None
            assert [checkpoint.fault() for checkpoint in checkpoints(run.folder)] == [None]
            assert in_child(lambda run=run: resume(run)) == Death(False, "")
            assert run.metrics.curve("train/loss")[0] == [4, 5]
            shutil.rmtree(run.folder)
    assert moment > 20


@pytest.mark.parametrize("what", ["rename", "archive"])
def test_a_kill_while_a_run_is_moved_leaves_it_at_one_place(tmp_path: Path, what: str) -> None:
    book, moment, killed = LabBook(tmp_path / "other"), 0, True
    while killed:
        moment += 1
        run = book.create({"seed": moment}, name="old", origin={})

        def move(moment: int = moment) -> None:
            intercept(Kill(moment))
            _ = book.rename("old", "new") if what == "rename" else book.archive("old")

        killed = in_child(move).killed
        places = [*book.runs(), *book.runs(archived=True)]
        assert [place.experiment["seed"] for place in places] == [moment]
        assert places[0].damage() is None
        shutil.rmtree(places[0].folder)
    assert not run.folder.exists()
    assert moment > 2
