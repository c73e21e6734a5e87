"""Triton's scan against the loop, on the device that is named."""

from __future__ import annotations

import sys
from itertools import product

import torch
from compare_kernels import agree

from seqlab.kernels.scan.reference import scan_reference
from seqlab.kernels.scan.triton import scan_triton

device = sys.argv[1]
for (b, length, d, p, q), constant, dtype in product(
    [(1, 1, 1, 1, 1), (2, 3, 5, 1, 2), (2, 7, 40, 2, 2)], [False, True], [torch.float64, torch.float32]
):
    u, initial = torch.randn(b, length, p, d, device=device), torch.randn(b, q, d, device=device)
    decay = torch.rand(*(() if constant else (b, length)), q, d, device=device) * 0.7
    decay[..., 0] = 0
    agree(scan_triton, scan_reference, u, decay, initial, dtype=dtype)
    agree(scan_triton, scan_reference, u, decay, None, dtype=dtype)
