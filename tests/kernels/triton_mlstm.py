"""Triton's matrix LSTM against its recurrence, on the device that is named."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import torch
from compare_kernels import agree
from torch import Tensor

from seqlab.kernels.mlstm.reference import mlstm_reference
from seqlab.kernels.mlstm.triton import mlstm_triton

device = sys.argv[1]
CASES: list[tuple[int, int, int, bool, torch.dtype, dict[str, Any]]] = [
    (1, 3, 5, False, torch.float32, {}),
    (37, 4, 6, True, torch.float32, {}),
    (37, 4, 6, True, torch.bfloat16, {}),
    (70, 70, 20, False, torch.float32, {"gate": "sigmoid"}),
    (37, 8, 15, True, torch.float32, {"gate": "sigmoid", "normalised": False}),
]


def of(f, starts, **how):
    def joined(*a: Tensor) -> Tensor:
        m = a[7] if len(a) > 7 else a[6].new_zeros(2, 2)  # a sigmoid gate has no stabiliser
        results = f(*a[:5], (a[5], a[6], m), starts, **how)
        return torch.cat([y.flatten().to(a[0].dtype) for y in results])

    return joined


for length, d, e, packed, dtype, how in CASES:
    random = partial(torch.randn, device=device)
    starts = torch.rand(2, length, device=device) < 0.1 if packed else None
    gates = random(2, length, 2), random(2, length, 2) + 2
    memory = random(2, 2, d, e), random(2, 2, d), random(2, 2)
    given = *(random(2, length, 2, n) for n in (d, d, e)), *gates, *(memory[:2] if "gate" in how else memory)
    agree(of(mlstm_triton, starts, chunk=16, **how), of(mlstm_reference, starts, **how), *given, dtype=dtype)
