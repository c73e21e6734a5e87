"""How long every recurrence remembers: its decays and forget gates."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from seqlab.filters import LongFilter
from seqlab.mixers import SequenceMixer
from seqlab.models.shared.layers import listening
from seqlab.probes import Measures, Probe, Profile
from seqlab.probes.shared.spread import octaves, quantiles
from seqlab.spec import Field

__all__ = ["Memory"]

FOREVER = 1e6
"""Positions: what remembers longer, or grows, counts as this."""
BINS = 10


class Memory(Probe):
    """Of what every recurrence keeps from one position to the next, the modulus of a decay or a forget gate: quantiles
    of its horizon, the positions after which 1/e is left (at most a million); `horizons`, the shares of horizons below
    1, from 1, from 2, from 4 ... positions on; `kept`, the shares of what is kept in ten equal parts from 0 to 1; and
    `growing`, the share that is above 1 and forgets nothing."""

    looks_at: ClassVar[Literal["weights", "passes"]] = "passes"

    every_steps: int = Field(default=500, ge=1)
    """Measure at every so many updates; also at the last. A look costs about half a step."""

    def measure(self, model: nn.Module, inputs: tuple[Tensor, ...]) -> Measures:
        recurrent = [(p, m) for p, m in model.named_modules() if isinstance(m, SequenceMixer | LongFilter)]
        with listening(recurrent) as heard:
            model(*inputs)
        found: dict[str, Profile] = {}
        for path, module in recurrent:
            kept: dict[str, Tensor] = {}
            if isinstance(module, SequenceMixer) and heard[path].inputs:
                kept = module.kept(heard[path].inputs[0])
            elif isinstance(module, LongFilter) and (modulus := module.kept()) is not None:
                kept = {"": modulus}
            for name, values in kept.items():
                found[self.metric(f"{path}.{name}".rstrip("."))] = _told(values)
        return found


def _told(kept: Tensor) -> Profile:
    kept = kept.detach().to(torch.promote_types(kept.dtype, torch.float32)).flatten().nan_to_num(0.0)
    horizon = torch.where(kept >= 1, FOREVER, -1 / kept.clamp(1e-30, 1 - 1e-9).log()).clamp(max=FOREVER)
    shares = torch.histc(kept, BINS, min=0.0, max=1.0) / len(kept)
    return {
        **quantiles(horizon),
        "growing": float((kept > 1).float().mean()),
        "horizons": octaves(horizon),
        "kept": shares.tolist(),
    }
