"""Where a stored tensor goes in a model of ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor

__all__ = ["Place"]


def _as_it_is(tensor: Tensor) -> Tensor:
    return tensor


@dataclass(frozen=True)
class Place:
    """Into a tensor of the model's state dict, from the row `begin` on."""

    name: str
    shape: tuple[int, ...]
    """What the stored tensor must be."""
    begin: int = 0
    as_ours: Callable[[Tensor], Tensor] = _as_it_is
    """From some rows of the stored tensor to as many of ours."""

    def below(self, prefix: str) -> Place:
        """The same inside a part of the model."""
        return replace(self, name=f"{prefix}.{self.name}")
