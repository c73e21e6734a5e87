"""How the next symbol is drawn from logits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Sampling"]


@dataclass(frozen=True)
class Sampling:
    """Temperature, then top-k, top-p (nucleus, arXiv 1904.09751) and min-p (arXiv 2407.01082), each of what the one
    before left, then a draw; temperature 0 is greedy."""

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None

    def __post_init__(self) -> None:
        if not self.temperature >= 0:
            raise ValueError(f"temperature is {self.temperature}; it must be 0 (greedy) or more.")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top-k is {self.top_k}; it must be at least 1.")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ValueError(f"top-p is {self.top_p}; it must be above 0 and at most 1.")
        if self.min_p is not None and not 0 <= self.min_p <= 1:
            raise ValueError(f"min-p is {self.min_p}; it must be from 0 to 1.")

    def draw(self, logits: Tensor, generator: torch.Generator) -> Tensor:
        """logits (B, V) -> symbols (B,), in float32 or wider."""
        if self.temperature == 0:
            return logits.argmax(-1)
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32)) / self.temperature
        if self.top_k is not None and self.top_k < logits.shape[-1]:
            kept = logits.topk(self.top_k)
            logits = torch.full_like(logits, -torch.inf).scatter(-1, kept.indices, kept.values)
        if self.top_p is not None and self.top_p < 1:
            logits = _nucleus(logits, self.top_p)
        if self.min_p:
            logits = _likely(logits, self.min_p)
        return torch.multinomial(logits.softmax(-1), 1, generator=generator)[:, 0]


def _nucleus(logits: Tensor, mass: float) -> Tensor:
    """Keep the fewest most likely symbols whose probabilities reach `mass`; the most likely is always kept."""
    ordered, index = logits.sort(descending=True)
    before = ordered.softmax(-1).cumsum(-1) - ordered.softmax(-1)
    dropped = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, index, before >= mass)
    return logits.masked_fill(dropped, -torch.inf)


def _likely(logits: Tensor, share: float) -> Tensor:
    """Keep what is at least `share` as likely as the likeliest."""
    dropped = logits < logits.amax(-1, keepdim=True) + math.log(share)
    return logits.masked_fill(dropped, -torch.inf)
