"""How far every gate is open."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import nn

from seqlab.channels import ChannelMixer
from seqlab.mixers import SequenceMixer
from seqlab.models.shared.layers import listening
from seqlab.nn.gate import Gate
from seqlab.probes import Measures, Probe, Profile
from seqlab.probes.shared.spread import quantiles
from seqlab.spec import Field

__all__ = ["Gates"]

CLOSED, OPEN = 0.1, 0.9
BINS = 10


class Gates(Probe):
    """Of every gate but those that forget, which `probes/memory` has: quantiles of what it multiplies by; where that
    is a sigmoid, also `closed` and `open`, the shares below 0.1 and above 0.9, and `shares`, those in ten equal parts
    from 0 to 1."""

    looks_at: ClassVar[Literal["weights", "passes"]] = "passes"

    every_steps: int = Field(default=500, ge=1)
    """Measure at every so many updates; also at the last. A look costs about half a step."""

    def measure(self, model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> Measures:
        gated = [(path, m) for path, m in model.named_modules() if isinstance(m, SequenceMixer | ChannelMixer)]
        with listening(gated) as heard:
            model(*inputs)
        return {
            self.metric(f"{path}.{name}".rstrip(".")): _told(gate)
            for path, module in gated
            if heard[path].inputs
            for name, gate in module.gating(heard[path].inputs[0]).items()
        }


def _told(gate: Gate) -> Profile:
    values = gate.values.detach().to(torch.promote_types(gate.values.dtype, torch.float32)).flatten()
    told = quantiles(values)
    if gate.is_sigmoid:
        shares = torch.histc(values, BINS, min=0.0, max=1.0) / len(values)
        told |= {
            "closed": float((values < CLOSED).float().mean()),
            "open": float((values > OPEN).float().mean()),
            "shares": shares.tolist(),
        }
    return told
