"""Triton's scalar LSTM against its recurrence, on the device that is named."""

from __future__ import annotations

import sys
from itertools import product

import torch
from compare_kernels import agree
from torch import Tensor

from seqlab.kernels.slstm.reference import slstm_reference
from seqlab.kernels.slstm.triton import slstm_triton

device = sys.argv[1]


def of(f, starts):
    def joined(*a: Tensor) -> Tensor:
        return torch.cat([y.flatten() for y in f(*a[:2], tuple(a[2:]) or None, starts)])

    return joined


for (b, length, heads, units), resets, dtype in product(
    [(1, 1, 1, 1), (2, 3, 2, 5), (1, 2, 1, 20)], [False, True], [torch.float64, torch.float32]
):
    y, c, n, m = torch.randn(4, b, heads, units, device=device)
    x = torch.randn(b, length, heads, 4, units, device=device)
    recurrence = 0.5 * torch.randn(heads, 4, units, units, device=device)
    starts = torch.rand(b, length, device=device) < 0.4 if resets else None
    for memory in ((), (y, c, n.abs() + 1, m)):
        agree(of(slstm_triton, starts), of(slstm_reference, starts), x, recurrence, *memory, dtype=dtype)
