"""How the entries of every weight are spread."""

from __future__ import annotations

from torch import Tensor, nn

from seqlab.probes import Measures, Probe
from seqlab.probes.shared.spread import spread

__all__ = ["Weights"]


class Weights(Probe):
    """Of every parameter tensor: `rms`, `largest` (of the absolute values) and quantiles of its entries."""

    def measure(self, model: nn.Module, inputs: tuple[Tensor, ...]) -> Measures:
        return {self.metric(path): spread(parameter) for path, parameter in model.named_parameters()}
