"""Where a sliding window keeps what it sees: the first positions for good, of the others the last ones in turn."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Ring"]


@dataclass(frozen=True)
class Ring:
    """Position p < sinks lies in slot p, any other in slot sinks + (p - sinks) mod window."""

    window: int
    sinks: int = 0

    @property
    def slots(self) -> int:
        """How many positions are kept."""
        return self.sinks + self.window

    def slot(self, position: Tensor) -> Tensor:
        """Where a position is kept."""
        return torch.where(position < self.sinks, position, self.sinks + (position - self.sinks) % self.window)

    def held(self, last: Tensor) -> Tensor:
        """(B,) -> (B, slots): the position in each slot when `last` (B,) was the last one kept; -1 in an empty one."""
        slot, last = torch.arange(self.slots, device=last.device), last[:, None]
        # Of all positions that share a slot of the ring, the latest up to `last`.
        latest = last - (last - slot) % self.window
        first = torch.where(slot <= last, slot, -1)
        return torch.where(slot < self.sinks, first, torch.where(latest >= self.sinks, latest, -1))
