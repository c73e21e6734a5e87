"""Filters of long convolutions: what gives a mixer its kernels, one a file."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from torch import Tensor, nn

from seqlab.spec import Part

__all__ = ["Filter", "LongFilter", "RecurrentFilter"]


class Filter(Part, kind="filters"):
    """A filter's spec."""

    @abstractmethod
    def build(self, *, channels: int, length: int) -> LongFilter:
        """A module that gives `channels` kernels of up to `length` taps."""


class LongFilter(nn.Module):
    """The module of a filter. Its parameters stay in float32 when the model computes in a narrower dtype."""

    keeps_float32 = True
    keeps_init = True
    length: int
    """The built length, the most taps that `forward` gives."""

    def forward(self, length: int) -> Tensor:
        """The first `length` taps of every kernel: (channels, length), in the parameters' dtype (at least float32)."""
        raise NotImplementedError

    def check_length(self, length: int) -> None:
        """Raise ValueError where `forward` cannot give that many taps."""
        if length > self.length:
            raise ValueError(f"this filter was built for {self.length} taps and was asked for {length}.")

    def param_groups(self) -> list[dict[str, Any]]:
        """Parameters with settings of their own: dicts of `params` and `lr` and/or `weight_decay`."""
        return []

    def kept(self) -> Tensor | None:
        """For who looks inside: the moduli of the decays where the kernels are sums of them; None elsewhere."""
        return None

    def reset_parameters(self) -> None:
        """Draw the parameters anew by the law that the spec states (torch's global generator)."""
        raise NotImplementedError


class RecurrentFilter(LongFilter):
    """A filter whose convolution is a recurrence as well: a memory of fixed size stands for all inputs so far.

    Memory and inputs are in the parameters' dtype, at least float32; the leading axes are free.
    """

    def taps(self, length: int) -> Tensor:
        """The first taps: (channels, length), or fewer where the rest are zero. The built length is no limit."""
        raise NotImplementedError

    def init_memory(self, *axes: int) -> Tensor:
        """The memory (*axes, channels, ...) before the first input."""
        raise NotImplementedError

    def memory_after(self, u: Tensor, last: Tensor, seen: Tensor) -> Tensor:
        """The memory after position `last` (B,) of each row of u (B, L, channels), of whose inputs the last `seen`
        (B,) count."""
        raise NotImplementedError

    def step(self, u_t: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """One position: (..., channels) and the memory -> the convolution there and the new memory."""
        raise NotImplementedError
