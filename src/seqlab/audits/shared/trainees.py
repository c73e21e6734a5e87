"""Trainings of one's own on few rows, made to be stepped: what a step does is seen by comparing two of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from seqlab.audits.shared.shortened import shortened
from seqlab.audits.shared.subject import Subject, wake
from seqlab.experiment import Batching, Budget, Distribution
from seqlab.train.interventions import begin_interventions
from seqlab.train.step import optimiser_step
from seqlab.train.training import Training, assemble

__all__ = [
    "at_peak",
    "captured_gradient",
    "equals",
    "is_same",
    "length_for",
    "rates",
    "rows_for",
    "total_norm",
    "trained_weights",
    "trainee",
    "updates",
]

STEP_FLOPS = 1e9
"""Operations of a forward pass that a step in an audit can afford; rows are dropped down to FEWEST_ROWS."""
SHORTEST = 32
"""Symbols that a row keeps, however large the model is."""
FEWEST_ROWS = 2
"""Rows of a step, where the experiment has as many: a batch norm cannot train on one."""


def rows_for(subject: Subject, most: int = 4) -> int:
    """Rows of a step that an audit can afford, at most the experiment's own."""
    each = max(subject.flops(length_for(subject)), 1.0)
    return min(max(FEWEST_ROWS, min(most, int(STEP_FLOPS / each))), subject.experiment.batch.size)


def length_for(subject: Subject) -> int:
    """Symbols in a row that a step of an audit can afford: the task's own where the model is small."""
    length = subject.task.row_tokens
    while length > SHORTEST and FEWEST_ROWS * subject.flops(length) > STEP_FLOPS:
        length //= 2
    return length


def trainee(subject: Subject, *, rows: int | None = None, awake: bool = False, **changes: Any) -> Training:
    """A training with the subject's weights that steps on few rows in one process, its budget in steps as it was.

    awake: parameters that are zero throughout get small values. changes: other fields of the experiment.
    """
    t = subject.training
    rows = rows or rows_for(subject)
    fewer = Batching(size=rows, accumulate=min(subject.experiment.batch.accumulate, max(rows // FEWEST_ROWS, 1)))
    budget = Budget(steps=t.steps_a_stage) if t.steps_a_stage else subject.experiment.budget
    smaller = {"batch": fewer, "budget": budget, "distribution": Distribution()}
    experiment = replace(subject.experiment, **{**smaller, **changes})
    if "short task" not in subject.notes:
        subject.notes["short task"] = shortened(t.task, length_for(subject), subject.experiment.seed)
    own = assemble(experiment, subject.notes["short task"], t.device, t.dtype)
    own.model.load_state_dict(t.model.state_dict())
    if awake:
        with subject.drawing("awake"):
            wake(own.model)
    own.weights.publish()
    own.weights.restart_average()
    begin_interventions(own)
    return own


def at_peak(t: Training) -> Training:
    """The same training, put to the step of its schedule that has the greatest rate (a warm-up begins at 0)."""
    total = t.steps or 1000
    steps = sorted({round(index * (total - 1) / 200) for index in range(201)} | set(range(min(total, 200))))
    t.step = max(steps, key=lambda step: t.experiment.schedule.lr(1.0, step, t.steps or 0, t.schedule_memory))
    return t


def trained_weights(t: Training) -> dict[str, Tensor]:
    """Copies of the trainable master weights by path."""
    return {name: p.detach().clone() for name, p in t.model.named_parameters() if p.requires_grad}


def updates(t: Training, before: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """How far each trainable weight has moved since `before`."""
    return {name: value - before[name] for name, value in trained_weights(t).items()}


def rates(t: Training) -> dict[str, tuple[float, float]]:
    """The base rate and the rate in force of each parameter that the optimiser has, by path."""
    names = {p: name for name, p in t.model.named_parameters()}
    return {
        names[p]: (float(group.get("initial_lr", group["lr"])), float(group["lr"]))
        for group in t.optimiser.param_groups
        for p in group["params"]
        if p in names
    }


def captured_gradient(t: Training, step: Any = optimiser_step) -> dict[str, Tensor]:
    """The gradients that a step hands to the optimiser, which then does nothing."""
    found: dict[str, Tensor] = {}

    def keep(*_: Any, **__: Any) -> None:
        found.update({name: p.grad.clone() for name, p in t.model.named_parameters() if p.grad is not None})

    t.optimiser.step = keep  # type: ignore[method-assign,assignment]
    step(t)
    return found


def total_norm(tensors: Sequence[Tensor]) -> float:
    """The L2 norm of all of them together."""
    return math.sqrt(sum(float(tensor.double().square().sum()) for tensor in tensors)) if tensors else 0.0


def is_same(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> bool:
    """Whether two sets of tensors are equal bit for bit; what is no number equals what is no number."""
    return a.keys() == b.keys() and all(equals(a[name], b[name]) for name in a)


def equals(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors hold the same values, NaN included, wherever they lie."""
    a, b = a.detach().cpu(), b.detach().cpu()
    return a.shape == b.shape and bool(torch.isclose(a, b, rtol=0, atol=0, equal_nan=True).all())
