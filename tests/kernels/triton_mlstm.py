"""Triton's matrix LSTM against its recurrence, on the device that is named."""

from __future__ import annotations

import sys
from typing import Any

import torch
from compare_kernels import agree
from torch import Tensor

from seqlab.kernels.mlstm.reference import mlstm_reference
from seqlab.kernels.mlstm.triton import mlstm_triton

device = sys.argv[1]
CASES: list[tuple[int, int, int, bool, dict[str, Any]]] = [
    (1, 3, 5, False, {}),
    (37, 4, 6, True, {}),
    (70, 70, 20, False, {"gate": "sigmoid"}),
    (37, 8, 15, True, {"gate": "sigmoid", "normalised": False}),
]
for length, d, e, packed, how in CASES:
    starts = torch.rand(2, length, device=device) < 0.1 if packed else None
    sequence = [torch.randn(2, length, 2, width, device=device) for width in (d, d, e)]
    gates = [torch.randn(2, length, 2, device=device), torch.randn(2, length, 2, device=device) + 2]
    memory = [torch.randn(2, 2, *shape, device=device) for shape in ((d, e), (d,), ())]

    def joined(f: Any, *a: Tensor, **options: Any) -> Tensor:
        m = a[7] if len(a) > 7 else torch.zeros(2, 2, device=device)
        return torch.cat([y.flatten() for y in f(*a[:5], (a[5], a[6], m), starts, **options)])  # noqa: B023

    given = [*sequence, *gates, *(memory if "gate" not in how else memory[:2])]
    agree(
        lambda *a: joined(mlstm_triton, *a, chunk=16, **how),  # noqa: B023
        lambda *a: joined(mlstm_reference, *a, **how),  # noqa: B023
        *given,
        dtype=torch.float32,
    )
