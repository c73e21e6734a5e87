"""A network folder whose locks fail: of two writers one yields, and what it had begun never mixes with the other's."""

from __future__ import annotations

import errno
import fcntl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from operations import Death, in_child
from strangers import elsewhere, lose_locks, seems_elsewhere, silent

from same_runs import assert_same
from seqlab.experiment import Experiment
from seqlab.journal import Attempt, JournalError, Run, RunBusy
from seqlab.journal.errors import LeaseLost
from seqlab.train import checkpoint, loop
from seqlab.train.start import resume
from seqlab.train.watch import Watch
from tiny_runs import At, carried_out, queued

Files = dict[str, bytes]


def shared(run: Run) -> Files:
    """All files of the run but those of its first attempt."""
    own = run.folder / "attempts" / "1"
    found = [path for path in run.folder.rglob("*") if path.is_file() and own not in path.parents]
    return {str(path): path.read_bytes() for path in found}


class TakenOver:
    """Called while attempt 1 is at work: it was paused so long that another process took the run and finished it."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.left_behind: Files = {}

    def __call__(self) -> None:
        lose_locks()
        seems_elsewhere(self.run, 1)
        silent(self.run, 700)
        assert self.run.state().name == "lost"
        assert in_child(lambda: resume(self.run)) == Death(False, "")
        self.left_behind = shared(self.run)


def at_a_line(patch: pytest.MonkeyPatch, taken: TakenOver) -> Watch:
    return At(5, taken)


def in_a_checkpoint(patch: pytest.MonkeyPatch, taken: TakenOver) -> Watch:
    return ahead_of(patch, torch, "save", taken, lambda state, path: state["step"] == 4)


def between_checkpoint_and_pruning(patch: pytest.MonkeyPatch, taken: TakenOver) -> Watch:
    return ahead_of(patch, checkpoint, "sync_folder", taken, lambda folder: (folder / "4").exists())


def in_an_evaluation(patch: pytest.MonkeyPatch, taken: TakenOver) -> Watch:
    return ahead_of(patch, loop, "evaluate", taken, lambda t, *_, **__: t.step == 6)


def ahead_of(patch: pytest.MonkeyPatch, place: Any, name: str, taken: TakenOver, when: Callable[..., bool]) -> Watch:
    """Let it happen ahead of a call of `place.name`, once."""
    real = getattr(place, name)

    def function(*arguments: Any, **options: Any) -> Any:
        if when(*arguments, **options):
            patch.setattr(place, name, real)
            taken()
        return real(*arguments, **options)

    patch.setattr(place, name, function)
    return Watch()


@pytest.mark.parametrize("moment", [at_a_line, in_a_checkpoint, between_checkpoint_and_pruning, in_an_evaluation])
def test_a_process_that_wakes_up_to_a_newer_attempt_writes_nothing_more(
    tiny: Experiment, monkeypatch: pytest.MonkeyPatch, moment: Callable[[pytest.MonkeyPatch, TakenOver], Watch]
) -> None:
    whole, _, _ = carried_out(tiny, "whole")
    run = queued(tiny)
    taken = TakenOver(run)
    with pytest.raises(LeaseLost, match="attempt 2 of run has taken the run over while attempt 1 was silent"):
        resume(run, moment(monkeypatch, taken))
    assert taken.left_behind
    assert shared(run) == taken.left_behind
    assert run.state().name == "finished"
    assert_same(whole, run)
    first, second = run.attempts()
    assert (first["exit"]["state"], first["exit"]["evidence"]["kind"]) == ("failed", "lease_lost")
    assert second["exit"]["state"] == "finished"
    assert not list(run.folder.glob("attempts/*/ballast"))


@pytest.mark.parametrize(
    "write",
    [
        lambda attempt: attempt.log(step=2, **{"train/loss": 1.0}),
        lambda attempt: attempt.event("checkpoint"),
        lambda attempt: attempt.rewind(0),
        lambda attempt: attempt.summarise(step=2),
        lambda attempt: attempt.stop_requested(),
        lambda attempt: attempt.finish("finished"),
        lambda attempt: None,
    ],
    ids=["log", "event", "rewind", "summarise", "stop_requested", "finish", "end"],
)
def test_every_way_to_write_asks_first(tiny: Experiment, write: Callable[[Attempt], object]) -> None:
    run = queued(tiny)
    before: Files = {}

    def silent_for_long() -> None:
        with run.attempt() as attempt:
            attempt.log(step=1, **{"train/loss": 2.0})
            lose_locks()
            seems_elsewhere(run, 1)
            silent(run, 700)
            with run.attempt(resumed_from=1):
                pass
            before.update(shared(run))
            write(attempt)

    with pytest.raises(LeaseLost):
        silent_for_long()
    assert shared(run) == before
    assert run.attempts()[0]["exit"]["evidence"]["kind"] == "lease_lost"


def test_a_run_that_gave_a_sign_of_life_elsewhere_is_not_taken(tiny: Experiment) -> None:
    run = queued(tiny)
    elsewhere(run)
    with pytest.raises(
        RunBusy, match=r"attempt 1: pid \d+ on another-machine gave a sign of life \d s ago, and counts"
    ):
        resume(run)
    assert len(run.attempts()) == 1
    silent(run, 700)
    assert run.state().name == "lost"
    assert resume(run)[1] == "finished"


def test_another_container_of_this_machine_is_judged_by_the_lock_alone(tiny: Experiment) -> None:
    run = queued(tiny)
    elsewhere(run)
    path = run.folder / "attempts" / "1" / "lease.json"
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    path.write_text(path.read_text().replace("x y", f"{boot} pid:[1]"))
    assert run.state().name == "crashed"
    assert resume(run)[1] == "finished"


def test_a_folder_without_locks_can_be_read_and_is_not_trained_in(
    tiny: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(descriptor: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    run = queued(tiny)
    elsewhere(run)
    monkeypatch.setattr(fcntl, "flock", no_locks)
    assert run.state().name == "running"
    silent(run, 700)
    assert run.state().name == "lost"
    with pytest.raises(JournalError, match=r"cannot lock .*: No locks available; keep the runs on a file system with"):
        resume(run)
