"""The scalar LSTM in C++ and in torch against its recurrence: values, last memories, every gradient."""

from __future__ import annotations

import pytest
import torch
from compare_kernels import agree, ways
from torch import Tensor

from seqlab.kernels.slstm import slstm
from seqlab.kernels.slstm.native import NATIVE
from seqlab.kernels.slstm.reference import slstm_reference

SHAPES = [(1, 1, 1, 1), (2, 7, 3, 5), (1, 30, 2, 17), (3, 12, 1, 40)]
native_and_torch = ways(NATIVE)


def inputs(b: int, length: int, heads: int, units: int) -> list[Tensor]:
    """x, the recurrence, and a memory to begin with."""
    y, c, n, m = torch.randn(4, b, heads, units)
    return [torch.randn(b, length, heads, 4, units), torch.randn(heads, 4, units, units), y, c, n.abs() + 1, m]


@native_and_torch
@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_values_and_gradients(shape: tuple[int, int, int, int], resets: bool) -> None:
    starts = torch.rand(shape[:2]) < 0.3 if resets else None

    def of(f):
        def joined(*a: Tensor) -> Tensor:
            return torch.cat([y.flatten() for y in f(*a[:2], (a[2], a[3], a[4], a[5]), starts)])

        return joined

    agree(of(slstm), of(slstm_reference), *inputs(*shape), dtype=torch.float64)


@native_and_torch
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_narrow_inputs_are_computed_wide(dtype: torch.dtype) -> None:
    x, weight, *_ = inputs(2, 50, 2, 6)
    agree(lambda *a: slstm(*a)[0], lambda *a: slstm_reference(*a)[0], x, 0.3 * weight, dtype=dtype)
    assert all(part.dtype == torch.float32 for part in slstm(x.to(dtype), weight.to(dtype))[1:])


@native_and_torch
def test_an_empty_memory_takes_its_first_input_whole() -> None:
    """Beside log sigmoid(f) = 0 an input gate of -200 would vanish in float32, and c / n be 0 / 0."""
    i, f, z, o = torch.tensor([[-200.0, 100.0, 0.7, 0.3]]).T
    x = torch.stack([i, f, z, o]).expand(2, 3, 1, 4, 1)
    y, _, n, m = slstm(x, torch.zeros(1, 4, 1, 1))
    torch.testing.assert_close(y, (z.tanh() * o.sigmoid()).expand_as(y))
    assert (m == -200).all()
    assert (n == 3).all()


@native_and_torch
def test_a_full_row_does_not_decide_for_an_empty_one() -> None:
    """The published first step is told by the whole batch at once: all n are zero, or none is."""
    x, weight, *memory = inputs(2, 4, 2, 3)
    memory = [torch.cat([entry[:1], torch.zeros_like(entry[1:])]) for entry in memory]
    mixed, *_ = slstm(x, weight, (memory[0], memory[1], memory[2], memory[3]))
    alone, *_ = slstm(x[1:], weight)
    torch.testing.assert_close(mixed[1:], alone)
