"""Triton's window attention against every score written out, on the device that is named."""

from __future__ import annotations

import sys
from functools import partial
from itertools import product

import torch
from compare_kernels import agree

from seqlab.kernels.window_attention.reference import window_attention_reference
from seqlab.kernels.window_attention.triton import window_attention_triton

device = sys.argv[1]
# The interpreter multiplies bfloat16 as if its bits were whole numbers.
DTYPES = [torch.float32, torch.bfloat16] if device == "cuda" else [torch.float32]
for (length, window, sinks, packed, alibi), dtype in product(
    [(1, 1, 0, False, False), (150, 5, 0, False, True), (150, 70, 3, False, False), (200, 9, 4, True, True)],
    DTYPES,
):
    slopes = torch.tensor([0.5, 0.25, 0.1, 0.0], device=device) if alibi else None
    time = torch.arange(length, device=device)
    starts = torch.stack([time % 90 == 7, (time == 1) | (time == 2) | (time == length - 1)])
    begins = torch.where(starts, time, 0).cummax(1).values if packed else None
    q = torch.randn(2, length, 4, 24, device=device)
    k, v = torch.randn(2, 2, length, 2, 24, device=device)
    options = {"window": window, "sinks": sinks, "begins": begins, "slopes": slopes}
    fast, law = partial(window_attention_triton, **options), partial(window_attention_reference, **options)
    agree(fast, law, q, k, v, dtype=dtype)
