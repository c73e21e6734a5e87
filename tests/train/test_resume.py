"""Resume is the same run: on a CPU, bit-equal to never having stopped."""

import signal
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from same_runs import assert_same
from seqlab.channels.mlp import MLP
from seqlab.experiment import Batching, Evaluation, Experiment
from seqlab.methods.shrink_and_perturb import ShrinkAndPerturb
from seqlab.mixers.hyena import Hyena
from seqlab.models import Block
from seqlab.models.lm import LM
from seqlab.optim.optimisers.adamw import AdamW
from seqlab.optim.optimisers.muon import Muon
from seqlab.optim.schedules.plateau import Plateau
from seqlab.optim.schedules.wsd import WSD
from seqlab.regularisers.l2 import L2
from seqlab.train.checkpoint import CheckpointError, checkpoints
from seqlab.train.start import resume
from seqlab.train.watch import Progress
from tiny_runs import At, carried_out, lines, queued, stopped


@pytest.fixture
def everything(tiny: Experiment) -> Experiment:
    """Everything that has a state: dropout, averaging, a schedule that watches, a method, a penalty, keep-best."""
    block = Block(mixer=tiny.model.layers[0].mixer, channel=MLP(expansion=2.0, dropout=0.1), dropout=0.1)
    return replace(
        tiny,
        model=replace(tiny.model, layers=(block, block), dropout=0.1),
        batch=Batching(size=5, accumulate=2),
        optim=AdamW(lr=0.01),
        schedule=Plateau(patience=0, threshold=0.5, factor=0.5),
        methods=(ShrinkAndPerturb(every_tasks=None, every_steps=3),),
        regularisers=(L2(),),
        averaging=0.9,
        freeze=("blocks.0.mixer_norm",),
        snapshots=replace(tiny.snapshots, keep_best=("val_subset/loss",), keep_last=1),
    )


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("optim", [AdamW(lr=0.01), Muon()], ids=["adamw", "muon"])
def test_a_stop_and_a_resume_change_no_bit(everything: Experiment, precision: Any, optim: Any) -> None:
    experiment = replace(everything, precision=precision, optim=optim)
    whole, training, state = carried_out(experiment, "whole")
    assert state == "finished"
    assert training.schedule_memory["reductions"] > 0
    assert all(value.isfinite().all() for value in training.weights.average.values())
    broken = queued(experiment, "broken")
    stopped(broken, at=3)
    stopped(broken, at=5)
    assert resume(broken)[1] == "finished"
    assert_same(whole, broken)
    assert len(broken.attempts()) == 3


def test_hyena_and_a_schedule_over_the_budget_change_no_bit(tiny: Experiment) -> None:
    block = Block(mixer=Hyena(), channel=None)
    experiment = replace(tiny, model=LM(dim=16, layers=(block,), tied=False), schedule=WSD(warmup_steps=2))
    whole, _, _ = carried_out(experiment, "whole")
    broken = queued(experiment, "broken")
    stopped(broken, at=4)
    resume(broken)
    assert_same(whole, broken)


@pytest.mark.parametrize(
    ("how", "state"),
    [
        ("SIGINT", "stopped"),
        ("SIGTERM", "preempted"),
        ("SIGHUP", "preempted"),
        ("SIGUSR2", "preempted"),
        ("deadline", "timed_out"),
    ],
)
def test_every_way_to_end_early_saves_and_is_recorded(
    tiny: Experiment, monkeypatch: pytest.MonkeyPatch, how: str, state: str
) -> None:
    now = time.time()
    ticks, start = [0.0], time.monotonic()
    monkeypatch.setattr("time.monotonic", lambda: start + ticks[0])

    def end() -> None:
        if how == "deadline":
            ticks[0] = 10.0
        else:
            signal.raise_signal(getattr(signal, how))

    whole, _, _ = carried_out(tiny, "whole")
    run = queued(tiny, "broken")
    _, ended = resume(run, At(5, end), deadline=now + 9.0)
    assert (ended, run.state().name) == (state, state)
    assert checkpoints(run.folder)[-1].step == 5
    assert resume(run)[1] == "finished"
    assert_same(whole, run)


def test_a_second_interrupt_ends_at_once(tiny: Experiment) -> None:
    def twice() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    run = queued(tiny)
    with pytest.raises(KeyboardInterrupt):
        resume(run, At(5, twice))
    assert run.state().name == "stopped"
    assert [checkpoint.step for checkpoint in checkpoints(run.folder)] == [2, 4]


def test_the_first_request_to_end_counts(tiny: Experiment) -> None:
    def both() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)

    run = queued(tiny)
    assert resume(run, At(3, both))[1] == "stopped"


def test_a_crash_between_checkpoints_goes_back_to_the_last(tiny: Experiment) -> None:
    whole, _, _ = carried_out(tiny, "whole")
    run = queued(tiny)
    with pytest.raises(ZeroDivisionError):
        resume(run, At(5, lambda: 1 / 0))
    assert run.state().name == "failed"
    assert run.metrics.curve("train/loss")[0] == [1, 2, 3, 4, 5]
    seen: list[int] = []
    watch = At(5, lambda: seen.extend(run.metrics.curve("train/loss")[0]))
    assert resume(run, watch)[1] == "finished"
    assert seen == [1, 2, 3, 4, 5]
    assert watch.messages[0] == "resumed at step 4"
    assert_same(whole, run)


def test_a_finished_run_is_left_alone(tiny: Experiment) -> None:
    run, _, _ = carried_out(replace(tiny, budget=replace(tiny.budget, steps=2)))
    assert resume(run) == (None, "finished")
    assert len(run.attempts()) == 1


def test_a_kill_after_the_last_step_only_repeats_the_end(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    run = queued(tiny)
    with monkeypatch.context() as patch:
        patch.setattr("seqlab.train.loop.finish", killed)
        with pytest.raises(KeyboardInterrupt):
            resume(run)
    assert resume(run)[1] == "finished"
    assert run.metrics.curve("train/loss")[0] == list(range(1, 9))
    assert run.metrics.curve("val/loss")[0] == [8]


def test_seconds_of_all_attempts_count_for_a_budget_of_minutes(
    tiny: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])

    class TwentySecondsAStep(At):
        def metrics(self, progress: Progress, values: Mapping[str, float]) -> None:
            clock[0] += 20 * ("train/loss" in values)
            super().metrics(progress, values)

    run = queued(replace(tiny, budget=replace(tiny.budget, steps=1000, minutes=1.0)))
    assert resume(run, TwentySecondsAStep(2, run.request_stop))[1] == "stopped"
    clock[0] += 1000  # between the attempts
    training, state = resume(run, TwentySecondsAStep(0, run.request_stop))
    assert state == "finished"
    assert training is not None
    assert training.step == 3


def test_threads_that_differ_are_marked(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    run = queued(tiny)
    stopped(run, at=3)
    monkeypatch.setattr("torch.get_num_threads", lambda: 2)
    watch = At(0, lambda: None)
    resume(run, watch)
    events = [event for event in run.events() if event["kind"] == "not_bit_comparable"]
    assert [event["changed"] for event in events] == [["threads: 1 -> 2"]]
    assert any("threads: 1 -> 2" in message for message in watch.messages)


def test_a_compiler_that_went_is_marked(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    run = queued(tiny)
    monkeypatch.setattr("seqlab.train.environment.compiler_version", lambda: "g++ 1")
    stopped(run, at=3)
    monkeypatch.setattr("seqlab.train.environment.compiler_version", lambda: None)
    resume(run, At(0, lambda: None))
    (event,) = [event for event in run.events() if event["kind"] == "not_bit_comparable"]
    assert event["changed"] == ["native_kernels: g++ 1 -> none: no compiler"]


def test_the_same_place_is_comparable(tiny: Experiment) -> None:
    run = queued(tiny)
    stopped(run, at=3)
    resume(run)
    assert not [event for event in run.events() if event["kind"] == "not_bit_comparable"]


def test_data_that_changed_since_is_refused(tiny: Experiment, text: Path) -> None:
    run = queued(tiny)
    stopped(run, at=3)
    text.write_text(text.read_text().upper())
    with pytest.raises(CheckpointError, match="is no longer the file that run was trained on"):
        resume(run)
    assert len(run.attempts()) == 1


def test_evaluation_by_steps_does_not_depend_on_stops(tiny: Experiment) -> None:
    experiment = replace(tiny, evaluation=Evaluation(every_steps=3, log_every_steps=2))
    whole, _, _ = carried_out(experiment, "whole")
    run = queued(experiment)
    stopped(run, at=4)
    resume(run)
    assert lines(whole) == lines(run)
    assert run.metrics.curve("train/loss")[0] == [1, 2, 4, 6, 8]
    assert run.metrics.curve("val_subset/loss")[0] == [3, 6]
