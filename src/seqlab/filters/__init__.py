"""Filters of long convolutions: what gives a mixer its kernels, one a file."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from torch import Tensor, nn

from seqlab.spec import Part

__all__ = ["Filter", "LongFilter"]


class Filter(Part, kind="filters"):
    """A filter's spec."""

    @abstractmethod
    def build(self, *, channels: int, length: int) -> LongFilter:
        """A module that gives `channels` kernels of up to `length` taps."""


class LongFilter(nn.Module):
    """The module of a filter. Its parameters stay in float32 when the model computes in a narrower dtype."""

    keeps_float32 = True
    keeps_init = True

    def forward(self, length: int) -> Tensor:
        """The first `length` taps of every kernel: (channels, length), in the parameters' dtype (at least float32)."""
        raise NotImplementedError

    def param_groups(self) -> list[dict[str, Any]]:
        """Parameters with settings of their own: dicts of `params` and `lr` and/or `weight_decay`."""
        return []

    def reset_parameters(self) -> None:
        """Draw the parameters anew by the law that the spec states (torch's global generator)."""
        raise NotImplementedError
