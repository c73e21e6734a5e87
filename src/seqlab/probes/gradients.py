"""How the entries of every gradient are spread."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor, nn

from seqlab.probes import Measures, Probe
from seqlab.probes.shared.spread import spread

__all__ = ["Gradients"]


class Gradients(Probe):
    """Of the gradient of every parameter that has one: `rms`, `largest` (of the absolute values), quantiles, and
    `zero`, the share of entries that are exactly 0. It is the task's alone: penalties and clipping come later."""

    phase: ClassVar[Literal["before_update", "after_update"]] = "before_update"

    def measure(self, model: nn.Module, inputs: tuple[Tensor, ...]) -> Measures:
        return {
            self.metric(path): {**spread(parameter.grad), "zero": float((parameter.grad == 0).float().mean())}
            for path, parameter in model.named_parameters()
            if parameter.grad is not None
        }
