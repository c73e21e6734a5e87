"""What is really in force: read from the live objects of a training, not from its spec."""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from torch import nn

from seqlab.train.training import Training

__all__ = ["in_force", "rates"]

PLACES = 5
"""Steps at which the learning rate is read: now, and at quarters of what is left."""


def in_force(t: Training) -> dict[str, dict[str, Any]]:
    """For each field of the experiment, what the live objects say of it; equal readings mean that nothing changed."""
    spec = t.experiment
    plain = {
        name: getattr(spec, name)
        for name in ("clip", "regularisers", "methods", "probes", "evaluation", "snapshots", "averaging", "accept")
    }
    batch = t.task.batch(spec.seed, t.step, spec.batch.size, t.stage)
    return {
        **{name: {name: value} for name, value in plain.items()},
        "optim": {"class": type(t.optimiser).__name__, "groups": _groups(t), "rates": rates(t)},
        "schedule": {"class": type(spec.schedule).__name__, "rates": rates(t), "spec": spec.schedule},
        "budget": {"steps": t.steps, "minutes": spec.budget.minutes},
        "batch": {"rows": [len(next(iter(part.tensors.values()))) for part in batch.parts(spec.batch.accumulate)]},
        "seed": {"batch": _digest(list(batch.tensors.values()))},
        "task": {"spec": spec.task, "data": t.task.fingerprints, "batch": _digest(list(batch.tensors.values()))},
        "model": {"modules": _modules(t.model)},
        "freeze": {"frozen": t.frozen},
        "start_from": {},
        "precision": {"dtype": str(t.dtype)},
        "device": {"device": str(t.device)},
        "gradient_checkpointing": {
            "blocks": [getattr(module, "checkpointing", False) for module in t.weights.worker.modules()]
        },
    }


def rates(t: Training) -> list[tuple[int, float]]:
    """(step, learning rate) of the main parameters now and at quarters of what is left, by the live schedule."""
    spec, steps = t.experiment, t.steps or 0
    base = next(iter(t.optimiser.param_groups))["initial_lr"]
    last = max(steps - 1, t.step)
    places = sorted({t.step + (last - t.step) * quarter // (PLACES - 1) for quarter in range(PLACES)})
    return [(step, spec.schedule.lr(base, step, steps, t.schedule_memory)) for step in places]


def _groups(t: Training) -> list[dict[str, Any]]:
    """The settings of every parameter group, without its parameters."""
    left_out = ("params", "names", "lr")
    return [{key: value for key, value in group.items() if key not in left_out} for group in t.optimiser.param_groups]


def _modules(model: nn.Module) -> list[Any]:
    """Every module's class and plain attributes, and the shapes of its parameters."""
    plain = (bool, int, float, str, type(None))
    return [
        (
            path,
            type(module).__name__,
            {key: value for key, value in vars(module).items() if isinstance(value, plain) and key != "training"},
            [(name, tuple(p.shape)) for name, p in module.named_parameters(recurse=False)],
        )
        for path, module in model.named_modules()
    ]


def _digest(tensors: list[torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(str(tuple(tensor.shape)).encode() + tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
