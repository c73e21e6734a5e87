"""A training never waits for the pages: a whole write fits in wherever a reader may be stopped."""

from __future__ import annotations

import builtins
import fcntl
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from lab_book import FROM_HERE, benchmarks, browser, sweep, trained
from starlette.testclient import TestClient

from seqlab.journal import Attempt, LabBook, Run
from seqlab.journal.files import append_record, replace_json

READS = (
    "/", "/runs", "/runs?group=seeds&column=optim.lr", "/runs/quick-fox-1", "/runs/quick-fox-1/inside", "/live",
    "/live/rows", "/plan", "/sweeps", "/sweeps/rates", "/sweeps/rates/judged?by=last(train/loss)", "/benchmarks",
    "/generations", "/compare?run=calm-lake-1&run=quick-fox-1", "/compare/judged?run=calm-lake-1&run=quick-fox-1",
    "/runs/quick-fox-1/files/summary.json", "/runs/quick-fox-1/files/metrics.jsonl", "/api/runs",
    "/api/runs/quick-fox-1", "/api/runs/quick-fox-1/lines", "/api/runs/quick-fox-1/lineage",
    "/api/curves?run=calm-lake-1&run=quick-fox-1&band=seeds",
)  # fmt: skip
WRITES = ("/runs/quick-fox-1/note", "/runs/quick-fox-1/tags", "/runs/quick-fox-1/stop", "/plan")
EMPTY = "/generations"
"""A page of files of which there are none."""
MOST = 40
FORM = {"text": "It learns.", "verdict": "works", "add": "quick", "do": "add"}


class Interrupting:
    """Has a writer write, all at once, whenever anybody else has opened a file, read of one, or locked one: the first
    `MOST` times of each page, for what was written meanwhile is read again, and a writer rests at times.

    What such a reader has open and locked then, it has while the writer writes: a lock that the writer would have to
    wait for raises BlockingIOError, in place of waiting for ever.
    """

    def __init__(self, write: Callable[[], object], patch: pytest.MonkeyPatch) -> None:
        self.write, self.times, self.is_on, self.locked = write, 0, False, list[tuple[str, int]]()
        self.left = 0
        self._lock = fcntl.flock
        for module, name in ((os, "open"), (os, "pread"), (os, "scandir"), (builtins, "open"), (io, "open")):
            patch.setattr(module, name, self._followed_by_a_write(getattr(module, name)))
        patch.setattr(fcntl, "flock", self._flock)

    @contextmanager
    def __call__(self) -> Iterator[None]:
        self.is_on, self.left = True, MOST
        try:
            yield
        finally:
            self.is_on = False

    def _followed_by_a_write(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def followed(*given: Any, **named: Any) -> Any:
            found = call(*given, **named)
            self._interrupt()
            return found

        return followed

    def _interrupt(self) -> None:
        if self.is_on and self.left:
            with self._off():
                self.write()
            self.times, self.left = self.times + 1, self.left - 1

    @contextmanager
    def _off(self) -> Iterator[None]:
        self.is_on = False
        try:
            yield
        finally:
            self.is_on = True

    def _flock(self, descriptor: int, how: int) -> None:
        if self.is_on:
            self.locked.append((Path(f"/proc/self/fd/{descriptor}").readlink().name, how))
            self._lock(descriptor, how)
            self._interrupt()
        else:
            self._lock(descriptor, how | fcntl.LOCK_NB)


def everything_that_training_writes(book: LabBook, attempt: Attempt) -> Callable[[], None]:
    """Appends lines and replaces files, of the run and of its sweep."""
    steps = iter(range(1, 10**9))

    def write() -> None:
        step = next(steps)
        attempt.log(step=step, **{"train/loss": 1.0 / step})
        attempt.event("evaluated", at=step)
        attempt.looked(step, {"attention/after_update/blocks.0": {"entropy": 1.0 / step}})
        attempt.stop_requested()
        if step % 20 == 1:  # a digest reads all lines
            attempt.summarise(step=step)
        replace_json(book.root / "quick-fox-1" / "audits.json", {"schema": 1, "before": [], "accepted": []})
        append_record(book.root / ".sweeps" / "rates" / "told.jsonl", {"step": step})

    return write


@contextmanager
def training(book: LabBook, patch: pytest.MonkeyPatch) -> Iterator[tuple[Run, Attempt, TestClient, Interrupting]]:
    """A run of a sweep that trains, and a browser that looks at it; they meet where it interrupts."""
    sweep(book)
    run = book.create({"seed": 0}, name="quick-fox-1", origin={})
    seen = browser(book)
    with run.attempt() as attempt:
        yield run, attempt, seen, Interrupting(everything_that_training_writes(book, attempt), patch)


def test_a_training_writes_wherever_a_page_is_stopped(book: LabBook, monkeypatch: pytest.MonkeyPatch) -> None:
    trained(book, "calm-lake-1", 0.01)
    benchmarks(book)
    with training(book, monkeypatch) as (run, _, seen, interrupting):
        for page in READS:
            before = interrupting.times
            seen.app.state.lab.index.forget_time()  # type: ignore[attr-defined]
            with interrupting():
                answer = seen.get(page)
            assert answer.status_code == 200, (page, answer.text[:500])
            assert interrupting.times > before or page == EMPTY, page
        asked = fcntl.LOCK_SH | fcntl.LOCK_NB
        assert set(interrupting.locked) == {("lock", asked)}, "a reader asks who trains, and waits for nobody"
        interrupting.write()
    assert run.state().name == "finished"
    assert len(list(run.metrics.lines())) == interrupting.times + 1
    assert run.metrics.damaged == 0


def test_a_training_writes_wherever_a_write_of_a_page_is_stopped(
    book: LabBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a browser appends is locked for that one line, in files that a training never writes."""
    with training(book, monkeypatch) as (run, attempt, seen, interrupting):
        for page in WRITES:
            with interrupting():
                assert seen.post(page, data=FORM, headers=FROM_HERE).status_code == 303, page
        assert attempt.stop_requested()
        exclusive = {name for name, how in interrupting.locked if how & fcntl.LOCK_EX}
        assert exclusive == {"notes.jsonl", ".plan.jsonl"}
    assert [note.text for note in run.notes() if note.text] == ["It learns."]
    assert run.tags == ["quick"]
