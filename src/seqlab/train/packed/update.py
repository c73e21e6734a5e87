"""What a gradient does to each member: its own clipping, rates and optimiser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor

from seqlab.optim.fused import FusedStep
from seqlab.train.step import set_rates, update
from seqlab.train.training import Training

__all__ = ["FusedUpdate", "Gradients", "clip", "give", "updated_alone"]

Gradients = Sequence[Tensor | None]
"""Of one member's trainable parameters in the model's order; none where its loss does not depend on one."""


class FusedUpdate:
    """A member's update by fused kernels, one for each parameter group, and what follows the weights."""

    def __init__(self, t: Training, steps: list[tuple[list[int], FusedStep]]) -> None:
        self._t, self._steps = t, steps

    @classmethod
    def of(cls, t: Training, trained: Sequence[str], gradients: Gradients) -> Self | None:
        """None where the optimiser has no such step, or penalties act on the gradients first."""
        if t.experiment.regularisers:
            return None
        places = {name: place for place, name in enumerate(trained) if gradients[place] is not None}
        steps = []
        for group in t.optimiser.param_groups:
            found = [
                (places[name], p) for name, p in zip(group["names"], group["params"], strict=True) if name in places
            ]
            step = t.experiment.optim.fused_step(group, [p for _, p in found], t.optimiser.state)
            if step is None:
                return None
            steps.append(([place for place, _ in found], step))
        return cls(t, steps)

    def __call__(self, gradients: Gradients) -> dict[str, Tensor | float]:
        """The gradients are clipped already."""
        rate = set_rates(self._t)
        with torch.no_grad():
            for places, step in self._steps:
                step([gradient for place in places if (gradient := gradients[place]) is not None])
        self._t.weights.publish()
        self._t.weights.update_average()
        return {"train/lr": rate}


def updated_alone(t: Training, trained: Sequence[str], gradients: Gradients) -> dict[str, Tensor | float]:
    """A member's update as if it were alone: penalties, clipping, and its torch optimiser."""
    give(t, trained, gradients)
    metrics = update(t)
    t.optimiser.zero_grad(set_to_none=True)
    return metrics


def give(t: Training, trained: Sequence[str], gradients: Gradients) -> None:
    """Let a member's parameters have their gradients, as after a backward pass of its own."""
    named = dict(t.model.named_parameters())
    for name, gradient in zip(trained, gradients, strict=True):
        named[name].grad = gradient


def clip(limits: Sequence[float | None], gradients: Sequence[Tensor | None]) -> list[Tensor | None]:
    """Scale each member's gradients (N, ...), in place, to its largest norm; returns the norms before, None for a
    member without a limit."""
    if all(limit is None for limit in limits):
        return [None] * len(limits)
    found = [gradient for gradient in gradients if gradient is not None]
    norms = torch.stack([torch.linalg.vector_norm(g.flatten(1), dim=1) for g in found]).norm(dim=0)
    largest = norms.new_tensor([torch.inf if limit is None else limit for limit in limits])
    factors = (largest / (norms + 1e-6)).clamp(max=1.0)  # as torch.nn.utils.clip_grad_norm_
    for gradient in found:
        gradient.mul_(factors.view(-1, *[1] * (gradient.ndim - 1)))
    return [None if limit is None else norm for limit, norm in zip(limits, norms.unbind(), strict=True)]
