"""Norms over the features of one position, one a file."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from seqlab.spec import Part

__all__ = ["Norm", "gathering_nothing", "normed"]


class Norm(Part, kind="nn/norms"):
    """A norm of every position's features: in evaluation mode no position and no row sees another, and in training
    mode neither, unless the norm says that its statistics are those of the batch."""

    @abstractmethod
    def build(self, *, dim: int) -> nn.Module:
        """A module (..., D) -> (..., D) that computes in float32 or wider and returns the input's dtype.

        One with statistics of the batch has `gathers`, whether a pass in training mode adds to the running ones, and
        takes the true `lengths` (B,) of right-padded rows (B, L, D) as a second argument.
        """


def normed(norm: nn.Module, x: Tensor, lengths: Tensor | None = None) -> Tensor:
    """norm(x), which is told of padding where it would count."""
    y: Tensor = norm(x, lengths) if lengths is not None and hasattr(norm, "gathers") else norm(x)
    return y


@contextmanager
def gathering_nothing(module: nn.Module) -> Iterator[None]:
    """Within, no norm of a module adds to its running statistics: a pass that is done again counts once."""
    gathering = [part for part in module.modules() if getattr(part, "gathers", False)]
    for part in gathering:
        part.gathers = False  # type: ignore[assignment]
    try:
        yield
    finally:
        for part in gathering:
            part.gathers = True  # type: ignore[assignment]
