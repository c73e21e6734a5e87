"""How far a step moves every weight."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from seqlab.probes import Measures, Probe
from seqlab.probes.shared.spread import spread

__all__ = ["Updates"]


class Updates(Probe):
    """Of what one step added to every trained parameter, methods included: `ratio`, its root mean square over that of
    the weights before, then `rms`, `largest` and quantiles. A tensor of zeros has no ratio."""

    compares: ClassVar[bool] = True

    def measure(self, model: nn.Module, inputs: tuple[Tensor, ...]) -> Measures:
        """Nothing: without the weights before there is no update to see."""
        return {}

    def compare(self, model: nn.Module, before: Mapping[str, Tensor]) -> Measures:
        found = {}
        for path, parameter in model.named_parameters():
            if parameter.requires_grad:
                moved = spread(parameter.detach() - before[path])
                size = float(torch.linalg.vector_norm(before[path]) / before[path].numel() ** 0.5)
                rms = moved["rms"]
                ratio = {"ratio": rms / size} if size and isinstance(rms, float) else {}
                found[self.metric(path)] = {**ratio, **moved}
        return found
