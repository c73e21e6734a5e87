"""Exact causal convolution one input at a time, in O(L log^2 L) operations for L inputs.

The lower triangle of (output, input) pairs is tiled by squares, as a relaxed product of power series is (van der
Hoeven, "Relax, but don't be too lazy", 2002; for Hyena: Flash Inference, arXiv 2410.12982). Below the diagonal, the
square of size S that ends before time e holds what the inputs e-S .. e-1 give to the outputs e .. e+S-1: it becomes
computable when its last input arrives, and one transform of 2 S points computes it then. Triangles of `BLOCK` inputs
are left on the diagonal, and they are summed directly.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.fft import irfft, rfft

from seqlab.nn.rows import without_padding

__all__ = ["OnlineConvolution"]

BLOCK = 32
"""Inputs that are summed directly, a power of two: about where a transform costs as much as the sum."""


class OnlineConvolution:
    """y_t = sum_{s <= t} taps_{t-s} u_s + skip . u_t for kernels that stay as they are.

    `taps` (C, K), `skip` (C,), u and y (B, E C) in the dtype of the taps; E groups of channels share both. The memory
    of B rows is one tensor (B, length, E C): before a row's position lie its inputs, and from the position on what
    these inputs have already given to the outputs to come. It depends on the inputs and the position alone, whether
    they came one by one or as a prompt, so rows may stand at positions of their own, and be selected and joined at any
    time. A memory of zeros is empty.

    One step costs O(log^2 L) on average; every power of two has one of O(L log L).
    """

    def __init__(self, taps: Tensor, skip: Tensor | None = None) -> None:
        if skip is not None:
            taps = torch.cat([taps[:, :1] + skip[:, None], taps[:, 1:]], dim=1)
        self._taps = taps
        # The last row is tap 0: a window of the inputs up to now is multiplied by as many last rows.
        near = F.pad(taps[:, :BLOCK], (0, max(BLOCK - taps.shape[1], 0)))
        self._near = near.flip(1).T.contiguous()[:, None]  # (BLOCK, 1, C)
        self._spectra: dict[int, Tensor] = {}

    def prefill(self, u: Tensor, position: Tensor, length: int) -> Tensor:
        """The memory after the first `position` (B,) of the inputs u (B, L, E C), for up to `length` positions."""
        memory = F.pad(without_padding(u, position), (0, 0, 0, length - u.shape[1]))
        groups = self._in_groups(memory)
        for time, rows in _rows_by_position(position):
            size = BLOCK
            while size <= time:
                if time & size:
                    self._add_square(groups, rows, time // size * size, size, time)
                size *= 2
        return memory

    def step(self, u: Tensor, memory: Tensor, position: Tensor) -> Tensor:
        """The outputs (B, E C) at `position` (B,), where u comes in; the memory is changed in place."""
        u, memory = self._in_groups(u), self._in_groups(memory)
        y = torch.empty_like(u)
        for time, rows in _rows_by_position(position):
            y[rows] = self._step(u[rows], memory, time, rows)
        return y.flatten(1)

    def _in_groups(self, features: Tensor) -> Tensor:
        """(.., E C) -> (.., E, C), a view."""
        return features.view(*features.shape[:-1], -1, len(self._taps))

    def _step(self, u: Tensor, memory: Tensor, time: int, rows: slice | Tensor) -> Tensor:
        given = memory[rows, time].clone()
        memory[rows, time] = u
        following = time + 1
        begin = time // BLOCK * BLOCK
        y = given + (memory[rows, begin:following] * self._near[begin - following :]).sum(1)
        if following % BLOCK == 0 and following < memory.shape[1]:
            self._add_square(memory, rows, following, following & -following, following)
        return y

    def _add_square(self, memory: Tensor, rows: slice | Tensor, end: int, size: int, first: int) -> None:
        """Add what the inputs end - size .. end - 1 give to the outputs first .. end + size - 1."""
        last = min(end + size, memory.shape[1])
        u = memory[rows, end - size : end].movedim(1, -1)
        # The product wraps round only into the first half, which belongs to other squares.
        y = irfft(rfft(u, 2 * size) * self._spectrum(size), 2 * size)
        memory[rows, first:last] += y[..., size + first - end : size + last - end].movedim(-1, 1)

    def _spectrum(self, size: int) -> Tensor:
        """Of the taps that reach across a square: (C, size + 1)."""
        if size not in self._spectra:
            self._spectra[size] = rfft(self._taps[:, : 2 * size], 2 * size)
        return self._spectra[size]


def _rows_by_position(position: Tensor) -> list[tuple[int, slice | Tensor]]:
    """The rows at each position; all of them as a slice, which makes views, where they are at the same."""
    times = sorted(set(position.tolist()))
    if len(times) == 1:
        return [(times[0], slice(None))]
    return [(time, (position == time).nonzero()[:, 0]) for time in times]
