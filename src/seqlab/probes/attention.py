"""How sharply every head of attention looks, and where."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from seqlab.models.shared.layers import listening, mixers
from seqlab.probes import Measures, Probe, Profile
from seqlab.spec import Field

__all__ = ["Attention", "attention_told"]


class Attention(Probe):
    """Of every mixer with attention weights: `entropy`, the mean over rows, heads and positions in nats; `share`, that
    of the entropy which equal weights on all that is seen would have (a first position sees only itself and does not
    count); `distance`, how many positions back the weights lie on average; `largest`, the mean of each position's
    largest weight; and `heads`, the `share` of each head."""

    looks_at: ClassVar[Literal["weights", "passes"]] = "passes"

    every_steps: int = Field(default=500, ge=1)
    """Measure at every so many updates; also at the last. A look costs about half a step."""

    rows: ClassVar[int] = 2
    """Of the inputs, for the weights of all pairs of positions are made."""

    def measure(self, model: nn.Module, inputs: tuple[Tensor, ...]) -> Measures:
        with listening(mixers(model)) as heard:
            model(*(tensor[: self.rows] for tensor in inputs))
        found = {}
        for path, mixer in mixers(model):
            weights = mixer.attention_weights(heard[path].inputs[0]) if heard[path].inputs else None
            if weights is not None:
                found[self.metric(path)] = attention_told(weights)
        return found


def attention_told(weights: Tensor) -> Profile:
    """Of weights (B, H, L, M): the last L positions of M look at them."""
    entropy = torch.special.entr(weights).sum(-1).mean(0)  # (H, L)
    seen = (weights > 0).any(0).any(0).sum(-1)
    shares = (entropy / seen.clamp(min=2).log())[:, seen > 1]
    length, keys = weights.shape[-2:]
    position = torch.arange(keys - length, keys, device=weights.device)
    distance = (position[:, None] - torch.arange(keys, device=weights.device)).abs()
    means = [entropy.mean(), shares.mean(), (weights * distance).sum(-1).mean(), weights.amax(-1).mean()]
    names = ("entropy", "share", "distance", "largest")
    if not shares.numel():
        return {"entropy": float(means[0])}
    return {**dict(zip(names, torch.stack(means).tolist(), strict=True)), "heads": shares.mean(-1).tolist()}
