"""What starts the processes of a run: it hands on what asks them to end, and leaves none behind."""

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import seqlab
from same_runs import assert_same
from seqlab.experiment import Budget, Distribution, Experiment
from seqlab.journal import Run
from seqlab.optim.optimisers.adamw import AdamW
from seqlab.train.checkpoint import checkpoints
from seqlab.train.torchrun import train_together
from tiny_runs import At, queued

pytestmark = pytest.mark.cluster

ENDLESS = Budget(steps=100_000)


@pytest.fixture
def two(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """Two processes with shares, which wait half a minute for each other."""
    monkeypatch.setenv("PYTHONPATH", str(Path(seqlab.__file__).parents[1]))
    return replace(tiny, optim=AdamW(), distribution=Distribution(processes=2, sharding="full", patience_minutes=0.5))


def signalled(number: int) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


def members(run: Run) -> list[int]:
    """The processes of a run's last attempt."""
    told = [event["members"] for event in run.events() if event["kind"] == "processes"]
    return [member["process"] for member in told[-1]]


def is_alive(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


@pytest.mark.parametrize(("number", "state"), [(signal.SIGTERM, "preempted"), (signal.SIGINT, "stopped")])
def test_a_signal_ends_all_and_a_resume_changes_no_bit(two: Experiment, number: int, state: str) -> None:
    short = replace(two, budget=Budget(steps=100))
    whole, broken = queued(short, "whole"), queued(short, "broken")
    assert train_together(broken, At(1, signalled(number))) == state
    assert 0 < checkpoints(broken.folder)[-1].step < 100
    assert [train_together(run) for run in (broken, whole)] == ["finished", "finished"]
    assert_same(whole, broken)


@pytest.mark.parametrize(("rank", "state"), [(0, "crashed"), (1, "failed")])
def test_nobody_waits_for_a_silent_process_for_ever(two: Experiment, rank: int, state: str) -> None:
    run = queued(replace(two, budget=ENDLESS))
    assert train_together(run, At(2, lambda: os.kill(members(run)[rank], signal.SIGSTOP))) == state
    if rank == 1:
        assert "process 0 of 2 lost another one" in str(run.state().evidence)
    assert not any(map(is_alive, members(run)))


def test_an_error_of_who_looks_on_leaves_nobody_training(two: Experiment) -> None:
    run = queued(replace(two, budget=ENDLESS))

    def fail() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_together(run, At(1, fail))
    assert run.state().name == "preempted"
    assert not any(map(is_alive, members(run)))


def test_a_signal_before_they_begin_is_no_failure(two: Experiment) -> None:
    run = queued(two)
    signalling = threading.Timer(0.5, signalled(signal.SIGTERM))
    signalling.start()
    assert train_together(run) == "preempted"
    signalling.join()
    assert (run.state().name, run.attempts()) == ("queued", [])
