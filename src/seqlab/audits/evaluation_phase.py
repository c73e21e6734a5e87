"""Is the training metric that of the prediction, made before the update? Taken after it, it flatters by a point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from seqlab.audits import Audit, Finding, Stage, failed, passed, warned
from seqlab.audits.shared.subject import Subject
from seqlab.audits.shared.trainees import at_peak, rows_for, trained_weights, trainee
from seqlab.spec import Field
from seqlab.tasks import Batch
from seqlab.train.training import Training, seed_generators

__all__ = ["EvaluationPhase"]

TARGETS = ("targets", "labels", "target", "label")
"""What a batch may call what is to be predicted."""
BOOSTS = (1.0, 30.0, 1000.0)
"""Factors on the rate, until the update moves what is reported."""


class EvaluationPhase(Audit):
    """What a step reports as `train/...` is what its forward pass found, before the update and of its own batch."""

    tolerance: float = Field(default=1e-3, gt=0)
    """Largest relative difference between a reported and a recomputed number."""

    stages: ClassVar[tuple[Stage, ...]] = ("before",)
    depends_on: ClassVar[tuple[str, ...]] = ("model", "task", "optim", "schedule", "freeze", "batch", "seed")
    is_of_structure: ClassVar[bool] = True

    def examine(self, subject: Subject) -> Finding:
        t = at_peak(trainee(subject, rows=rows_for(subject, 2), awake=True, methods=()))
        if told := _impure(subject, t):
            return failed(told, limit=self.tolerance)
        judged: dict[str, float] = {}
        for boost in BOOSTS:
            t = at_peak(trainee(subject, awake=True, methods=(), regularisers=(), clip=None))
            for group in t.optimiser.param_groups:
                group["initial_lr"] *= boost
            place = t.step
            before = _measured(subject, t)
            with subject.drawing("evaluation_phase"):
                reported = {k.removeprefix("train/"): float(v) for k, v in subject.step(t).items() if "train/" in k}
            t.step = place
            after = _measured(subject, t)
            for name in [name for name in before if name in reported and name not in judged]:
                if finding := self._judge(name, reported[name], before[name], after[name]):
                    return finding
                if not _near(before[name], after[name], 10 * self.tolerance):
                    judged[name] = abs(reported[name] - before[name]) / max(abs(before[name]), 1e-12)
            if "loss" in judged and len(judged) == len(before.keys() & reported.keys()):
                break
        worst = max(judged.values(), default=0.0)
        told = ", ".join(sorted(judged)) or "what a step reports"
        return passed(f"train/{told}: of the forward pass before the update", difference=worst, limit=self.tolerance)

    def _judge(self, name: str, reported: float, before: float, after: float) -> Finding | None:
        measured: dict[str, Any] = {"reported": reported, "before": before, "after": after, "limit": self.tolerance}
        if _near(reported, before, self.tolerance):
            return None
        if _near(reported, after, self.tolerance):
            return failed(
                f"`train/{name}` is taken after the update on the same batch: {reported:.4g} is reported, {before:.4g} "
                f"is what the prediction scored and {after:.4g} what the updated weights do.",
                **measured,
            )
        tell = failed if name == "loss" else warned
        return tell(
            f"`train/{name}` is not that of the forward pass before the update: {reported:.4g} is reported, "
            f"{before:.4g} recomputed; it is of other weights, of another batch, or wrongly averaged.",
            **measured,
        )


def _near(a: float, b: float, tolerance: float) -> bool:
    return a == b or abs(a - b) <= tolerance * max(abs(a), abs(b), 1e-12)


def _measured(subject: Subject, t: Training) -> dict[str, float]:
    """Loss and metrics of the present weights on the batch of the next step, with the step's own dropout; with a graph,
    as there: without one some kernels round otherwise, in bfloat16 by more than the tolerance."""
    batch = t.next_batch()
    sums: dict[str, float] = {}
    with subject.drawing("evaluation_phase"), torch.enable_grad():
        for index, part in enumerate(batch.parts(t.experiment.batch.accumulate)):
            outputs: list[Any] = []
            hook = t.weights.worker.register_forward_hook(lambda *call, kept=outputs: kept.append(call[2]))
            kept = {name: buffer.clone() for name, buffer in t.weights.worker.named_buffers()}
            seed_generators(t.experiment.seed, "dropout", t.step, index)
            loss, others = t.task.loss(t.weights.worker, part)
            hook.remove()
            for name, buffer in t.weights.worker.named_buffers():
                buffer.copy_(kept[name])
            found = {name: float(value.detach()) for name, value in {**others, "loss": loss}.items()}
            for name, value in (_accuracy(outputs, part.tensors) | found).items():
                sums[name] = sums.get(name, 0.0) + value
    return {name: value / batch.scored for name, value in sums.items()}


def _accuracy(outputs: list[Any], tensors: Mapping[str, Tensor]) -> dict[str, float]:
    """How many predictions are right, under the name that it has everywhere, where a task has targets to match."""
    targets = next((tensors[name] for name in TARGETS if name in tensors), None)
    if targets is None or not outputs or not isinstance(outputs[0], Tensor) or outputs[0].shape[:-1] != targets.shape:
        return {}
    return {"accuracy": float((outputs[0].argmax(-1) == targets).sum())}


def _as_predicted(subject: Subject, t: Training, batch: Batch) -> Batch:
    """The batch with the model's own predictions as its targets, which scores otherwise; else the next batch."""
    outputs: list[Any] = []
    hook = t.weights.worker.register_forward_hook(lambda *call: outputs.append(call[2]))
    with subject.drawing("impure"), torch.no_grad():
        t.task.loss(t.weights.worker, batch)
    hook.remove()
    name = next((name for name in TARGETS if name in batch.tensors), "")
    if name and isinstance(outputs[0], Tensor) and outputs[0].shape[:-1] == batch.tensors[name].shape:
        return replace(batch, tensors={**batch.tensors, name: outputs[0].argmax(-1)})
    return t.next_batch(skipped=1)


def _impure(subject: Subject, t: Training) -> str | None:
    """What is wrong where a task's loss changes the weights, or depends on the batches before."""
    weights = trained_weights(t)
    one = t.next_batch()
    other = _as_predicted(subject, t, one)

    def scores(batch: Any) -> dict[str, float]:
        with subject.drawing("impure"):
            loss, others = t.task.loss(t.weights.worker, batch)
        return {name: float(value.detach()) for name, value in {"loss": loss, **others}.items()}

    scores(one)
    after_one = scores(other)
    after_itself = scores(other)
    if any(not torch.equal(weights[name], now) for name, now in trained_weights(t).items()):
        return "the task's loss changes the weights, so its metrics are taken after an update of its own."
    has_memory = any(True for _ in t.weights.worker.buffers())
    for name, value in after_one.items():
        if not has_memory and not _near(value, after_itself[name], 1e-6):
            return (
                f"`train/{name}` depends on the batch before ({value:.4g} after another batch, "
                f"{after_itself[name]:.4g} after the same): it is of an earlier batch, taken after the update on it."
            )
    return None
