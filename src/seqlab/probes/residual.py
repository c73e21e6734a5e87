"""How the residual stream grows from layer to layer."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from seqlab.models.shared.layers import layers, listening
from seqlab.probes import Measures, Probe
from seqlab.spec import Field

__all__ = ["Residual"]


class Residual(Probe):
    """Of every layer: the root mean square of the stream that enters (`before`) and of the one that leaves (`after`),
    `gain`, the one over the other, and `added`, the size of their difference over that of what entered."""

    looks_at: ClassVar[Literal["weights", "passes"]] = "passes"

    every_steps: int = Field(default=500, ge=1)
    """Measure at every so many updates; also at the last. A look costs about half a step."""

    def measure(self, model: nn.Module, inputs: tuple[Tensor, ...]) -> Measures:
        with listening(layers(model)) as heard:
            model(*inputs)
        found = {}
        for path, passage in heard.items():
            before, after = next(iter(passage.inputs), None), passage.output
            if before is None or after is None or before.shape != after.shape or not before.is_floating_point():
                continue
            sizes = torch.stack([_rms(before), _rms(after), _rms(after - before)]).tolist()
            if sizes[0]:
                found[self.metric(path)] = {
                    "before": sizes[0],
                    "after": sizes[1],
                    "gain": sizes[1] / sizes[0],
                    "added": sizes[2] / sizes[0],
                }
        return found


def _rms(x: Tensor) -> Tensor:
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    return wide.square().mean().sqrt()
