"""The recurrence with a learned clock against its loop: values, the last state and every gradient."""

from __future__ import annotations

import pytest
import torch
from compare_kernels import agree, ways
from torch import Tensor

from seqlab.kernels.timed_scan import timed_scan
from seqlab.kernels.timed_scan.native import NATIVE, PIECE
from seqlab.kernels.timed_scan.reference import timed_scan_reference

SHAPES = [(1, 1, 1), (2, 3, 5), (3, PIECE, 8), (2, 57, 33), (1, 131, 130)]


def given(b: int, length: int, d: int) -> tuple[Tensor, ...]:
    """time, data, size, theta and the initial state."""
    time, data = 2 * torch.randn(2, b, length, d)
    return time, data, 1 - 0.5 * torch.rand(d), 6.3 * torch.rand(d), torch.randn(b, 2, d)


def together(function):  # type: ignore[no-untyped-def]
    """Outputs and the last state in one tensor, in the outputs' dtype."""

    def called(*arguments: Tensor, **options: object) -> Tensor:
        y, last = function(*arguments, **options)
        return torch.cat([y, last.to(y.dtype)], dim=1)

    return called


@ways(NATIVE)
@pytest.mark.usefixtures("native_kernels")
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("b", "length", "d"), SHAPES)
def test_values_states_and_gradients(b: int, length: int, d: int, dtype: torch.dtype) -> None:
    arguments, starts = given(b, length, d), torch.rand(b, length) < 0.1
    for options in ({"bias": 0.7}, {"starts": starts}):

        def fast(*tensors: Tensor, options: dict[str, object] = options) -> Tensor:
            return together(timed_scan)(*tensors, **options)

        def law(*tensors: Tensor, options: dict[str, object] = options) -> Tensor:
            return together(timed_scan_reference)(*tensors, **options)

        agree(fast, law, *arguments, dtype=dtype)
    agree(together(timed_scan), together(timed_scan_reference), *arguments[:4], dtype=dtype)
