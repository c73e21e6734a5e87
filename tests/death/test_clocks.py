"""Clocks that are set during a run: nothing that counts seconds jumps, and nobody is declared dead for it."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from short_runs import said
from strangers import elsewhere, silent

from same_runs import assert_same
from seqlab.experiment import Experiment
from seqlab.journal import LabBook
from seqlab.train.start import resume
from tiny_runs import At, carried_out, queued

DAY = 86400.0


class Wall:
    """The time of day as this process sees it; `jump` sets it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.ahead, true = 0.0, time.time
        patch.setattr("time.time", lambda: true() + self.ahead)
        patch.setattr("seqlab.journal.clock.now", self.now)

    def now(self) -> str:
        return (datetime.now(UTC) + timedelta(seconds=self.ahead)).isoformat(timespec="microseconds")

    def jump(self, seconds: float) -> None:
        self.ahead += seconds


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    return Wall(monkeypatch)


@pytest.mark.parametrize("jump", [DAY, -DAY], ids=["forward", "back"])
def test_a_clock_that_is_set_changes_neither_the_run_nor_its_seconds(tiny: Experiment, wall: Wall, jump: float) -> None:
    whole, _, _ = carried_out(tiny, "whole")
    run = queued(tiny)

    def interrupted() -> None:
        run.note("before", verdict="works")
        wall.jump(jump)
        run.note("after", verdict="bug")
        assert run.state().name == "running"

    assert resume(run, At(3, interrupted), deadline=time.time() + 3600)[1] == "finished"
    assert_same(whole, run)
    seconds = [line["wall_seconds"] for line in run.metrics.lines()]
    assert seconds == sorted(seconds)
    assert 0 < run.summary["wall_seconds"] < 3600
    assert run.verdict == "bug"
    assert [note.text for note in run.notes()] == ["before", "after"]


@pytest.mark.parametrize("jump", [DAY, -DAY], ids=["forward", "back"])
def test_a_clock_that_is_set_between_attempts_costs_nothing(tiny: Experiment, wall: Wall, jump: float) -> None:
    whole, _, _ = carried_out(tiny, "whole")
    run = queued(tiny)
    with pytest.raises(ZeroDivisionError):
        resume(run, At(5, lambda: 1 / 0))
    wall.jump(jump)
    newer = queued(tiny, "made-later")
    assert resume(run)[1] == "finished"
    assert_same(whole, run)
    assert 0 < run.summary["wall_seconds"] < 3600
    assert [attempt["exit"]["state"] for attempt in run.attempts()] == ["failed", "finished"]
    listed = [other.name for other in LabBook().runs()]
    assert sorted(listed) == ["made-later", "run", "whole"]
    assert listed.index("made-later") == (2 if jump > 0 else 0)  # by the times that were written down
    assert newer.name in said("ls")


@pytest.mark.parametrize("ahead", [DAY, -DAY], ids=["ahead", "behind"])
def test_a_reader_whose_clock_is_wrong_judges_by_the_file_systems_clock(
    tiny: Experiment, wall: Wall, ahead: float
) -> None:
    run = queued(tiny)
    elsewhere(run)
    wall.jump(ahead)
    assert run.state().name == "running"
    silent(run, 700)
    state = run.state()
    assert (state.name, "gave no sign of life for 70" in state.evidence) == ("lost", True)
    assert not [path for path in run.folder.iterdir() if path.name.startswith(("tmp", "."))]


def test_a_reader_who_may_not_write_judges_by_its_own_clock(
    tiny: Experiment, wall: Wall, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(**_: Any) -> Any:
        raise PermissionError("Read-only file system")

    run = queued(tiny)
    elsewhere(run)
    monkeypatch.setattr("tempfile.TemporaryFile", read_only)
    assert run.state().name == "running"
    wall.jump(DAY)
    assert run.state().name == "lost"


def test_a_sign_of_life_of_any_of_its_files_counts(tiny: Experiment) -> None:
    run = queued(tiny)
    elsewhere(run)
    silent(run, 700)
    assert run.state().name == "lost"
    os.utime(Path(run.folder, "metrics.jsonl"))
    assert run.state().name == "running"
