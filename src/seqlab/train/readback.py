"""What a training does from here on, read by letting it: two trainings that read alike go on alike.

A setting may lie in a spec, in an attribute or in a parameter group and still do nothing. So nothing is believed but
what follows: the rates of every step that is left, the batches, what an evaluation reads, and what steps make of the
weights.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from seqlab.experiment import Batching, Budget
from seqlab.optim.schedules import Memory, Schedule
from seqlab.train.evaluate import evaluate
from seqlab.train.interventions import apply_methods, due_methods, optimiser_state
from seqlab.train.step import optimiser_step
from seqlab.train.training import Training

__all__ = ["LearningRates", "Reading", "learning_rates", "read"]

Reading = dict[str, Any]
"""What was read, by what it tells of; equal readings mean that nothing changed."""

STEPS = 2
"""Steps that are tried: a moment that the first one sets acts in the second."""
ROWS = 2
"""Rows of a tried step."""
PLENTY = 1000
"""Steps that are looked at where only the clock ends the run."""


@dataclass(frozen=True)
class LearningRates:
    """The learning rates of a training's parameters at every step."""

    schedule: Schedule
    bases: dict[str, float]
    """The rate that the schedule scales, by the parameter's path."""
    steps: int
    memory: Memory

    def at(self, base: float, step: int) -> float:
        """The rate at a step; beyond the budget the last one holds."""
        last = self.steps - 1 if self.steps else step
        return self.schedule.lr(base, min(step, last), self.steps, self.memory)

    def over(self, steps: range) -> dict[str, str]:
        """A digest of each parameter's rates at these steps, by its path."""
        rates = {base: array("d", (self.at(base, step) for step in steps)) for base in {*self.bases.values()}}
        known = {base: hashlib.sha256(values.tobytes()).hexdigest() for base, values in rates.items()}
        return {name: known[base] for name, base in self.bases.items()}


def learning_rates(t: Training) -> LearningRates:
    """The rates that the live optimiser and schedule give."""
    bases = {name: group["initial_lr"] for group in t.optimiser.param_groups for name in group["names"]}
    return LearningRates(t.experiment.schedule, bases, t.steps or 0, dict(t.schedule_memory))


def read(t: Training, *, evaluation: bool = False) -> Reading:
    """What a training does from here on; it is used up by that. evaluation: also what an evaluation reads."""
    spec = t.experiment
    left = range(t.step, t.steps if t.steps is not None else t.step + PLENTY)
    batch = t.next_batch()
    return {
        "steps": t.steps,
        "device": str(t.device),
        "dtype": str(t.dtype),
        "frozen": t.frozen,
        "recomputed": [getattr(module, "checkpointing", False) for module in t.weights.worker.modules()],
        "data": sorted(t.task.fingerprints.values()),
        "batch": _digest([batch.tensors]),
        "parts": [len(next(iter(part.tensors.values()))) for part in batch.parts(spec.batch.accumulate)],
        "rates": learning_rates(t).over(left),
        "evaluation": _read_by_evaluation(t) if evaluation else None,
        "trained": _trained(t),
        "methods": _by_methods(t, left),
    }


class _FullRate(Schedule):
    """The peak rate at every step, so that no schedule hides what a step does."""

    def lr(self, base: float, step: int, steps: int, memory: Memory) -> float:
        return base

    def needs_horizon(self) -> bool:
        return False


def _trained(t: Training) -> str:
    """A digest of what a few small steps at the full rate make, and of what the model answers then."""
    budget = Budget(steps=t.steps_a_stage) if t.steps_a_stage is not None else t.experiment.budget
    few = Batching(size=min(ROWS, t.experiment.batch.size))
    t.experiment = replace(t.experiment, schedule=_FullRate(), batch=few, budget=budget, probes=())
    with _repeatable(t.device):
        losses = [optimiser_step(t)["train/loss"] for _ in range(STEPS)]
        inputs = tuple(tensor.to(t.device) for tensor in t.task.held_out_inputs(ROWS))
        with t.weights.evaluated() as model, torch.no_grad():
            answer = model(*inputs)
    return _digest([losses, answer, _state(t)])


def _by_methods(t: Training, left: range) -> list[Any]:
    """When methods act in the steps that are left, and what comes of the first time."""
    steps = [step + 1 for step in left] if t.experiment.methods else []  # they act when the step is counted
    times = [(step, due) for step in steps if (due := due_methods(t, step))]
    if not times:
        return []
    t.step = times[0][0]
    apply_methods(t)
    waiting = [repr(method) for method in t.experiment.methods if method.watches()]  # for what is yet to be seen
    return [times, waiting, _digest([_state(t), t.method_statistics])]


def _read_by_evaluation(t: Training) -> str:
    """What every held-out split gives to the model, and the numbers that are made of its answers.

    The model computes once for each shape and repeats itself: what an evaluation reads costs no evaluation.
    """
    worker, given, answers = t.weights.worker, list[str](), dict[Any, Any]()
    compute = worker.forward

    def answer(*inputs: Tensor) -> Any:
        given.append(_digest(inputs))
        shapes = tuple(tensor.shape for tensor in inputs)
        if shapes not in answers:
            answers[shapes] = compute(*inputs)
        return answers[shapes]

    worker.forward = answer
    try:
        numbers = {split: evaluate(t, split, subset=True) for split in t.task.splits()}
    finally:
        del worker.forward
    return _digest([numbers, given])


def _state(t: Training) -> list[Any]:
    """What every step changes."""
    return [t.model.state_dict(), t.weights.average, optimiser_state(t)]


@contextmanager
def _repeatable(device: torch.device) -> Iterator[None]:
    """Sums in a fixed order, as on a CPU, on every device: a difference must be one of the settings."""
    if device.type == "cpu":
        yield
        return
    before = torch.are_deterministic_algorithms_enabled()
    only_warned = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=only_warned)


def _digest(values: Any) -> str:
    """A digest of nested values, their tensors by their bits."""
    digest = hashlib.sha256()
    for word in _words(values):
        digest.update(word)
    return digest.hexdigest()


def _words(value: Any) -> Iterator[bytes]:
    if isinstance(value, Tensor):
        yield f"{value.dtype}{tuple(value.shape)}".encode()
        yield value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
    elif isinstance(value, dict):
        for key in value:
            yield from _words(key)
            yield from _words(value[key])
    elif isinstance(value, list | tuple):
        yield b"["
        for item in value:
            yield from _words(item)
    else:
        yield f"{value!r};".encode()
