"""A disk that is full at any write: the state says so, what was saved stays whole, and resume changes no bit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from operations import Death, FullDisk, in_child, intercept
from short_runs import Short, said

from same_runs import assert_same
from seqlab.journal import LabBook, Run
from seqlab.train.checkpoint import checkpoints
from seqlab.train.fork import fork
from seqlab.train.start import record, resume

WRITES = 60
"""A short run has more than so many operations that take disk."""


def assert_nothing_is_half(run: Run) -> None:
    """Fail unless all that lies in the run folder is whole, and nothing lies there that nobody needs."""
    assert run.damage() is None
    assert run.metrics.damaged == 0
    for name in ("metrics.jsonl", "events.jsonl", "notes.jsonl"):
        path = run.folder / name
        assert not path.exists() or path.read_bytes()[-1:] in (b"", b"\n")
    assert [checkpoint.fault() for checkpoint in checkpoints(run.folder) if checkpoint.fault()] == []
    hidden = [path for path in run.folder.rglob(".*") if path.name.endswith(".tmp") or "checkpoints" in path.parts]
    assert hidden + list(run.folder.glob("attempts/*/ballast")) == []


def assert_said(run: Run, death: Death) -> None:
    """Fail unless the state and the sentence are what happened."""
    state = run.state()
    if state.name == "finished":
        assert death.error == ""  # only the last words had no room, and the ballast made some
        return
    assert "DiskFull" in death.error
    assert state.name == ("disk_full" if (run.folder / "attempts" / "1").exists() else "queued")
    if state.name == "disk_full":
        assert "free some space, then resume" in state.evidence
        assert f"{run.name}  disk_full" in said("show", run.name)
    assert json.loads(said("show", run.name, "--json"))["state"] == state.name


def survives_every_full_disk(short: Short, first: int, every: int) -> None:
    write, was_full = first, True
    while was_full:
        run = short.queued(f"full-{write}")
        disk = FullDisk(run.folder, write)
        death = short.trained(run, disk)
        assert not death.killed
        assert_nothing_is_half(run)
        assert_said(run, death)
        was_full = disk.was_full
        assert in_child(lambda run=run: resume(run)) == Death(False, ""), write
        assert_same(short.whole, run)
        shutil.rmtree(run.folder)
        write += every
    assert write > WRITES


def test_a_full_disk_at_every_twenty_third_write_is_told_and_changes_no_bit(short: Short) -> None:
    survives_every_full_disk(short, first=2, every=23)


@pytest.mark.slow
def test_a_full_disk_at_every_write_is_told_and_changes_no_bit(short: Short) -> None:
    survives_every_full_disk(short, first=1, every=1)


@pytest.mark.parametrize("what", ["run", "fork"])
def test_a_full_disk_while_a_run_is_made_leaves_nothing(short: Short, tmp_path: Path, what: str) -> None:
    book, write, error = LabBook(tmp_path / "other"), 0, "DiskFull"
    begun = fork(short.whole, None, ["budget.steps=5"], None, short.book).prepared
    prepared = replace(short.prepared if what == "run" else begun, book=book)
    book.root.mkdir()
    while error:
        write += 1

        def make(write: int = write) -> None:
            intercept(FullDisk(book.root, write))
            record(prepared, name="run", sources={"recipe.py": b"text = 1\n"})

        error = in_child(make).error
        assert not error or "DiskFull" in error
        assert [path.name for path in book.root.iterdir()] == ([] if error else ["run"])
    assert write > 10


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mounts a file system of so many bytes, or gives the mounted one so many."""
    place = tmp_path / "small"
    place.mkdir()

    def sized(size: int) -> Path:
        options = f"size={size}" if not os.path.ismount(place) else f"remount,size={size}"
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, text=True
        )
        if mounted.returncode:
            pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
        return place

    yield sized
    if os.path.ismount(place):
        subprocess.run(["umount", place], check=True)


@pytest.mark.slow
def test_a_real_disk_of_any_size_is_told_and_changes_no_bit(
    short: Short, small_disk: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[str] = []
    size = 0
    while "finished" not in ends:
        size += 5 * 4096
        book = LabBook(small_disk(size))
        monkeypatch.setenv("SEQLAB_RUNS", str(book.root))
        made = in_child(lambda book=book: record(replace(short.prepared, book=book), name="run"))
        if made.error:
            assert "DiskFull" in made.error
            assert list(book.root.iterdir()) == []
            continue
        run = book.open("run")
        death = short.trained(run)
        assert_nothing_is_half(run)
        assert_said(run, death)
        ends.append(run.state().name)
        small_disk(64 << 20)
        assert in_child(lambda run=run: resume(run)) == Death(False, "")
        assert_same(short.whole, run)
        shutil.rmtree(run.folder)
    assert ends.count("disk_full") > 20
