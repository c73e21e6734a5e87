"""Small operations of torch by a shorter way, for a recorded step: torch's way to a sum is longer than the sum."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seqlab.kernels.native import DTYPES, FEW, Native

__all__ = ["NATIVE", "twin"]

NATIVE = Native(Path(__file__).with_name("twins.cpp"))


def twin(func: Any, args: Any, kwargs: Any, result: Any) -> Callable[[], object] | None:
    """What leaves in `result` what the operation of torch leaves there, bit for bit (NaN aside); None where nothing
    else does."""
    if func is torch.ops.aten._to_copy.default:
        return partial(result.copy_, *args)
    if kwargs:
        return None
    match func, args:
        case torch.ops.aten.add.Tensor, [Tensor() as x, Tensor() as y] if _few(x, y, result) and _alike(x, y, result):
            return NATIVE.call(f"add_{DTYPES[x.dtype]}", x, y, result, x.numel())
        case torch.ops.aten.add_.Tensor, [Tensor() as x, int() as by] if _few(x) and x.dtype == torch.int64:
            return NATIVE.call("advance", x, x.numel(), by)
        case torch.ops.aten.embedding.default, [Tensor() as weight, Tensor() as rows] if rows.ndim == 1:
            # embedding.out makes the rows elsewhere and copies them
            return partial(torch.ops.aten.index_select.out, weight, 0, rows, out=result)
        case torch.ops.aten.to.dtype, [Tensor() as x, wide] if (x.dtype, wide) == (torch.bfloat16, torch.float32):
            return NATIVE.call("widen", x, result, x.numel()) if _few(x, result) else partial(result.copy_, x)
    return None


def _few(*given: Tensor) -> bool:
    """Whether C++ finds few entries in each, one behind the other."""
    few = all(x.device.type == "cpu" and x.is_contiguous() and 0 < x.numel() <= FEW for x in given)
    return few and NATIVE.usable()


def _alike(x: Tensor, *others: Tensor) -> bool:
    return x.dtype in DTYPES and all(other.shape == x.shape and other.dtype == x.dtype for other in others)
