"""What the loop records is what happened: budgets, lines, ends, frozen parts, starts from other runs."""

import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from seqlab.data import DataError
from seqlab.experiment import Budget, Evaluation, Experiment, Snapshots
from seqlab.journal import JournalError, RunBusy
from seqlab.kernels.attention.native import NATIVE as ATTENTION
from seqlab.methods.shrink_and_perturb import ShrinkAndPerturb
from seqlab.optim.optimisers.adamw import AdamW
from seqlab.optim.schedules.plateau import Plateau
from seqlab.probes.weight_norms import WeightNorms
from seqlab.regularisers.l2 import L2
from seqlab.spec import SpecError
from seqlab.tasks.text import PreparedText
from seqlab.train.cadence import Cadence
from seqlab.train.checkpoint import CheckpointError, checkpoints
from seqlab.train.load import load_model
from seqlab.train.start import prepare, resume
from seqlab.train.step import optimiser_step
from seqlab.train.training import Training
from tiny_runs import At, carried_out, in_memory, queued, stopped


def test_a_line_says_where_it_belongs(tiny: Experiment) -> None:
    run, training, state = carried_out(tiny)
    assert state == run.state().name == "finished"
    records = list(run.metrics.lines())
    first = records[0]
    assert {key for key in first if "/" not in key} == {"attempt", "step", "epoch", "task", "tokens", "wall_seconds"}
    assert (first["attempt"], first["step"], first["task"], first["tokens"]) == (1, 1, 0, 4 * 16)
    windows = len(training.task.encoded["train"]) // 16 - 1  # type: ignore[attr-defined]
    assert first["epoch"] == round(4 / windows, 4)
    assert all(record["wall_seconds"] > 0 for record in records)
    assert run.metrics.curve("train/loss")[0] == list(range(1, 9))
    assert run.metrics.curve("val_subset/loss")[0] == [2, 4, 6]
    assert run.metrics.curve("val/loss")[0] == [8]
    assert training.tokens == 8 * 4 * 16


def test_the_loss_logged_is_that_of_the_pass_that_made_the_gradient(tiny: Experiment) -> None:
    training = in_memory(tiny)
    before = {name: p.detach().clone() for name, p in training.model.named_parameters()}
    batch = training.task.batch(tiny.seed, 0, tiny.batch.size)
    loss, _ = training.task.loss(training.model, batch)
    metrics = optimiser_step(training)
    assert float(metrics["train/loss"]) == pytest.approx(loss.item() / batch.scored, rel=1e-6)
    after, _ = training.task.loss(training.model, batch)
    assert after.item() != pytest.approx(loss.item(), rel=1e-6)
    assert any(not p.equal(before[name]) for name, p in training.model.named_parameters())


def test_floors_that_take_their_time_slow_no_training(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    def slowly(task: PreparedText) -> dict[str, Any]:
        time.sleep(0.5)
        return {}

    monkeypatch.setattr(PreparedText, "slow_floors", slowly)
    summary = carried_out(tiny)[0].summary
    assert summary["shares"]["floors"] * summary["wall_seconds"] >= 0.25
    assert summary["tokens_per_second"] * 0.5 > summary["tokens"]


def test_a_run_goes_on_from_any_folder(tiny: Experiment, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = queued(replace(tiny, task=replace(tiny.task, path="text.txt")))
    elsewhere = workplace / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert resume(run)[1] == "finished"
    assert list(run.origin["data"]) == ["text.txt"]


def test_the_summary_is_true(tiny: Experiment) -> None:
    run, training, _ = carried_out(tiny)
    summary = run.summary
    assert (summary["step"], summary["steps"], summary["tokens"]) == (8, 8, 512)
    assert summary["parameters"] == sum(p.numel() for p in training.model.parameters())
    assert sum(summary["shares"].values()) == pytest.approx(1, abs=0.002)
    assert {"data", "forward", "backward", "optimiser", "evaluation", "checkpoint", "floors"} <= summary[
        "shares"
    ].keys()
    assert {"uniform", "unigram", "bigram", "ngram"} <= summary["floors"].keys()
    assert summary["floors"]["uniform"]["nats_per_symbol"] == pytest.approx(math.log(256))
    sizes = [path.stat().st_size for path in (run.folder / "checkpoints" / "8").iterdir() if path.suffix != ".json"]
    assert summary["checkpoint_bytes"] == sum(sizes)
    assert summary["kernels"]["attention"] == ["native" if ATTENTION.usable() else "short"]
    assert summary["metrics"]["last"]["val/loss"] == run.metrics.last["val/loss"]


@pytest.mark.parametrize(
    ("budget", "steps"),
    [
        (Budget(steps=1), 1),
        (Budget(tokens=1), 1),
        (Budget(tokens=129), 3),
        (Budget(steps=5, tokens=128), 2),
        (Budget(steps=3, tokens=10**9, minutes=100.0), 3),
    ],
)
def test_the_first_limit_ends_the_run(tiny: Experiment, budget: Budget, steps: int) -> None:
    experiment = replace(tiny, budget=budget, evaluation=Evaluation(), snapshots=Snapshots())
    run, training, state = carried_out(experiment)
    assert (state, training.step) == ("finished", steps)
    assert [checkpoint.step for checkpoint in checkpoints(run.folder)][-1] == steps
    assert run.metrics.curve("val/loss")[0] == [steps]
    assert run.metrics.curve("train/loss")[0][0] == 1


def test_minutes_alone_end_a_run(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])

    class TwentySecondsAStep(At):
        def metrics(self, progress: Any, values: Any) -> None:
            clock[0] += 20 * ("train/loss" in values)

    run = queued(replace(tiny, budget=Budget(minutes=1.0), evaluation=Evaluation(log_every_steps=1)))
    training, state = resume(run, TwentySecondsAStep(0, lambda: None))
    assert training is not None
    assert (state, training.step, training.steps) == ("finished", 3, None)
    assert run.metrics.curve("val/loss")[0] == [3]


def test_checkpoints_come_early_then_by_the_clock(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    training = in_memory(replace(tiny, snapshots=Snapshots(every_minutes=2.0)))

    def saves(seconds_a_step: float, steps: int) -> list[int]:
        cadence, found = Cadence(training), []
        for training.step in range(1, steps + 1):
            clock[0] += seconds_a_step
            if cadence.save():
                cadence.saved()
                found.append(training.step)
        training.step = 0
        return found

    assert saves(0.01, 100) == [20]
    assert saves(10, 30) == [3, 15, 27]


def test_frozen_parts_stay_and_are_verified(tiny: Experiment) -> None:
    experiment = replace(tiny, freeze=("embedding", "blocks.0"), optim=AdamW(lr=0.1, weight_decay=0.5))
    start = {name: p.detach().clone() for name, p in in_memory(experiment).model.named_parameters()}
    _, training, _ = carried_out(experiment)
    for name, p in training.model.named_parameters():
        assert p.equal(start[name]) == name.startswith(("embedding", "blocks.0")), name


@pytest.mark.parametrize("stop_first", [False, True])
def test_a_frozen_part_that_changed_fails_the_run(
    tiny: Experiment, monkeypatch: pytest.MonkeyPatch, stop_first: bool
) -> None:
    run = queued(replace(tiny, freeze=("embedding",)))
    if stop_first:
        stopped(run, at=3)

    def leak(t: Any) -> dict[str, float]:
        with torch.no_grad():
            t.model.embedding.weight[0, 0] += 1e-6
        return {}

    monkeypatch.setattr("seqlab.train.loop.apply_methods", leak)
    with pytest.raises(RuntimeError, match="frozen parameters changed"):
        resume(run)
    assert run.state().name == "failed"


def test_a_loss_that_is_no_number_is_divergence(tiny: Experiment) -> None:
    run, training, state = carried_out(replace(tiny, optim=AdamW(lr=1e30)))
    assert (state, run.state().name) == ("diverged", "diverged")
    assert training.step <= 3
    assert "loss: " in run.state().evidence
    assert "val/loss" not in run.metrics.last


def test_weights_that_are_no_numbers_are_never_saved(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the loss is not looked at between two checkpoints."""

    def poison(t: Any) -> dict[str, float]:
        if t.step == 6:
            with torch.no_grad():
                t.model.norm.weight[0] = math.nan
        return {}

    monkeypatch.setattr("seqlab.train.loop.apply_methods", poison)
    run, training, state = carried_out(replace(tiny, evaluation=Evaluation(log_every_steps=100)))
    assert (state, training.step) == ("diverged", 6)
    assert [checkpoint.step for checkpoint in checkpoints(run.folder)] == [2, 4]


def test_a_run_can_start_from_the_weights_of_another(tiny: Experiment) -> None:
    parent, _, _ = carried_out(replace(tiny, averaging=0.5), "parent")
    model, _, _ = load_model(parent)
    experiment = replace(tiny, start_from="parent", averaging=0.9, seed=5)
    child = prepare(experiment)
    for name, p in child.training.model.named_parameters():
        assert p.equal(model.get_parameter(name))
        assert child.training.weights.average is not None
        assert child.training.weights.average[name].equal(p)
    assert child.training.optimiser.state_dict()["state"] == {}
    run, _, _ = carried_out(experiment, "child")
    assert run.parent is not None
    assert (run.parent["run"], run.parent["step"], run.parent["inherited"]) == ("parent", 8, ["weights"])
    earlier = prepare(replace(tiny, start_from="parent@6")).training
    assert not earlier.model.get_parameter("norm.weight").equal(model.get_parameter("norm.weight"))


def test_a_child_needs_its_parent_until_its_first_checkpoint_only(tiny: Experiment) -> None:
    parent, _, _ = carried_out(tiny, "parent")
    whole, _, _ = carried_out(replace(tiny, start_from="parent@8"), "whole")
    child, late = (
        queued(replace(tiny, start_from="parent@8"), "child"),
        queued(replace(tiny, start_from="parent"), "late"),
    )
    stopped(child, at=3)
    manifest = parent.folder / "checkpoints" / "8" / "MANIFEST.json"
    manifest.write_text(manifest.read_text() + "\n")
    with pytest.raises(CheckpointError, match="checkpoint 8 of parent is no longer the one that late starts from"):
        resume(late)
    manifest.unlink()
    assert resume(child)[1] == "finished"
    assert child.metrics.curve("train/loss") == whole.metrics.curve("train/loss")


@pytest.mark.parametrize(
    ("start_from", "message"),
    [("parent@x", "after the @ stands a step"), ("parent@3", "no checkpoint at step 3; there are: 6, 8")],
)
def test_a_start_that_cannot_be(tiny: Experiment, start_from: str, message: str) -> None:
    carried_out(tiny, "parent")
    with pytest.raises((CheckpointError, JournalError), match=message):
        prepare(replace(tiny, start_from=start_from))


def test_weights_of_another_model_do_not_fit(tiny: Experiment) -> None:
    carried_out(tiny, "parent")
    for model, message in (
        (replace(tiny.model, dim=8), r"`embedding.weight` is \(256, 16\) in the checkpoint and \(256, 8\)"),
        (replace(tiny.model, tied=False), "has no tensor `head.weight`"),
        (
            replace(tiny.model, layers=tiny.model.layers[:1]),
            r"tensor `blocks.1\.\S*` is not in the model|that the model",
        ),
    ):
        with pytest.raises(CheckpointError, match=message):
            prepare(replace(tiny, model=model, start_from="parent"))


def test_a_run_that_is_being_trained_is_busy(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqlab.journal.lease._PATIENCE", 0.0)
    run = queued(tiny)
    refused: list[str] = []

    def again() -> None:
        with pytest.raises(RunBusy) as error:
            resume(run)
        refused.append(str(error.value))

    assert resume(run, At(3, again))[1] == "finished"
    assert "is being trained by pid" in refused[0]
    assert len(run.attempts()) == 1
    assert run.metrics.curve("train/loss")[0] == list(range(1, 9))


def test_nothing_is_written_for_an_experiment_that_cannot_be(tiny: Experiment, workplace: Any) -> None:
    for wrong, message in (
        (replace(tiny, freeze=("blocks.7",)), "`blocks.7` matches no parameter"),
        (replace(tiny, freeze=("*",)), "every parameter of the model is frozen"),
        (replace(tiny, methods=(ShrinkAndPerturb(where=("blocks.7",)),)), "`blocks.7` matches no parameter"),
        (replace(tiny, regularisers=(L2(except_where=("norn",)),)), "`norn` matches no parameter; did you mean"),
        (replace(tiny, snapshots=Snapshots(keep_best=("val/loss",))), "no evaluation has `val/loss`.*val_subset/loss"),
        (replace(tiny, schedule=Plateau(metric="val/loss")), "no metric `val/loss`; did you mean `val_subset/loss`"),
        (replace(tiny, task=replace(tiny.task, path="nowhere.txt")), "there is no file nowhere.txt"),
        (replace(tiny, probes=(WeightNorms(),), batch=replace(tiny.batch, size=5000)), "do not fill a batch"),
    ):
        with pytest.raises((SpecError, DataError), match=message):
            prepare(wrong)
    assert not (workplace / "runs").exists()


@pytest.mark.parametrize("accuracies", [(0.6, 0.8, 0.9), (0.9, 0.8, 0.6)])
def test_loss_and_accuracy_that_part_ways_are_told_once(
    tiny: Experiment, monkeypatch: pytest.MonkeyPatch, accuracies: tuple[float, ...]
) -> None:
    """The loss rises while the accuracy rises, or both fall; and a resumed run does not say it again."""
    losses = tuple(sorted((0.5, 0.6, 0.7), reverse=accuracies[0] > accuracies[-1]))
    scores = {step: (losses[min(at, 2)], accuracies[min(at, 2)]) for at, step in enumerate(range(2, 21, 2))}

    def scored(t: Training, split: str, *, subset: bool = False) -> dict[str, float]:
        loss, accuracy = scores[t.step]
        phase = f"{split}_subset" if subset else split
        return {f"{phase}/loss": loss, f"{phase}/accuracy": accuracy, f"{phase}/symbols": 1e6}

    monkeypatch.setattr("seqlab.train.loop.evaluate", scored)
    run = queued(replace(tiny, budget=Budget(steps=12)))
    first, second = stopped(run, 9), At(99, lambda: None)
    assert resume(run, second)[1] == "finished"
    told = [line for line in (run.folder / "events.jsonl").read_text().splitlines() if '"remark"' in line]
    assert len(told) == 1, first
    assert "loss and accuracy disagree about the best checkpoint: step " in told[0]
    assert "keep_best=val_subset/loss,val_subset/accuracy" in told[0]
    assert not any("disagree" in message for message in second.messages)


def test_loss_and_accuracy_that_agree_are_not_remarked(tiny: Experiment) -> None:
    run, _, _ = carried_out(tiny)
    assert '"remark"' not in (run.folder / "events.jsonl").read_text()
