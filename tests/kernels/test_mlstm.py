"""The matrix LSTM in every form against its recurrence: values, last memories, every gradient, at ragged lengths."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from compare_kernels import TOLERANCE, agree, ways
from torch import Tensor

from seqlab.kernels.mlstm import mlstm, mlstm_step
from seqlab.kernels.mlstm.native import NATIVE
from seqlab.kernels.mlstm.reference import mlstm_reference

GATES: list[dict[str, Any]] = [{}, {"gate": "sigmoid"}, {"gate": "sigmoid", "normalised": False}]
FORMS: list[dict[str, Any]] = [{"chunk": 5}, {"chunk": 16}, {"form": "parallel"}, {"form": "recurrent"}]


def inputs(length: int, *, gate: str = "exponential") -> list[Tensor]:
    """q, k, v, both gates and a memory to begin with; a sigmoid gate has no stabiliser."""
    b, h, d, e = 2, 3, 4, 6
    sequence = [torch.randn(b, length, h, n) for n in (d, d, e)]
    gates = [torch.randn(b, length, h), torch.randn(b, length, h) + 2]
    memory = [torch.randn(b, h, d, e), torch.randn(b, h, d), torch.randn(b, h)]
    return [*sequence, *gates, *(memory if gate == "exponential" else memory[:2])]


@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("length", [1, 5, 16, 37])
def test_forms(length: int, form: dict[str, Any], gate: dict[str, Any], resets: bool) -> None:
    starts = torch.rand(2, length) < 0.2 if resets else None
    given = inputs(length, gate=gate.get("gate", "exponential"))

    def of(f, **options):
        def joined(*a: Tensor) -> Tensor:
            memory = (*a[5:7], a[7] if len(a) > 7 else a[6].new_zeros(2, 3))
            results = f(*a[:5], memory, starts, **gate, **options)
            return torch.cat([y.flatten() for y in results])

        return joined

    agree(of(mlstm, **form), of(mlstm_reference), *given, dtype=torch.float64)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_narrow_inputs_are_computed_wide(dtype: torch.dtype) -> None:
    agree(
        lambda *a: mlstm(*a, chunk=16)[0],
        lambda *a: mlstm_reference(*a)[0],
        *inputs(150)[:5],
        dtype=dtype,
    )
    assert all(x.dtype == torch.float32 for x in mlstm(*(x.to(dtype) for x in inputs(3)[:5]))[1:])


@pytest.mark.parametrize("scale", [15.0, 200.0])
def test_gates_far_open_and_far_closed(scale: float) -> None:
    """Without a soft cap exp(-m) would overflow in float32 from m = -88 on where nothing has been written."""
    given = [x * scale if x.ndim == 3 else x for x in inputs(40)[:5]]
    exact = mlstm_reference(*(x.double() for x in given))[0]
    for form in FORMS:
        h = mlstm(*given, **form)[0]
        assert h.isfinite().all()
        assert (h - exact).abs().max() <= 1e-3 * exact.abs().max()


def test_a_long_input_of_closing_gates_keeps_its_digits() -> None:
    """The forget gates' logarithms sum to 60000 over the input and 1000 over a chunk: known to 6e-5 in float32."""
    q, k, v, i, f = inputs(4096)[:5]
    h = mlstm(q, k, v, i, f - 15)[0]
    exact = mlstm(*(x.double() for x in (q, k, v, i, f - 15)))[0]
    assert (h - exact).abs().max() <= 5e-6 * exact.abs().max()


def test_eps_is_added_in_the_scale_of_the_stabiliser() -> None:
    """At an input gate of 14.9 it halves a small answer more than once: it is part of the published function."""
    q, k, v = torch.full((1, 1, 1, 1), 1e-4), torch.ones(1, 1, 1, 1), torch.ones(1, 1, 1, 1)
    i, f = torch.full((1, 1, 1), 14.9), torch.zeros(1, 1, 1)
    h = mlstm(*(x.double() for x in (q, k, v, i, f)))[0].item()
    divisor = max(1e-4, float(torch.tensor(-14.9).double().exp())) + 1e-6
    assert h == pytest.approx(1e-4 / divisor, rel=1e-6)


@ways(NATIVE)
@pytest.mark.usefixtures("native_kernels")
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize(("keys", "values"), [(1, 1), (4, 6), (5, 16), (8, 33)])
@torch.no_grad()
def test_single_steps(keys: int, values: int, gate: dict[str, Any], dtype: torch.dtype) -> None:
    """From zeros on, as q, k and v lie in one projection, and both gates in another."""
    rows, heads, length = 2, 3, 4
    x = torch.randn(rows, length, heads * (2 * keys + values)).to(dtype)
    parts = x.split([heads * keys, heads * keys, heads * values], dim=-1)
    q, k, v = (part.unflatten(-1, (heads, -1)) for part in parts)
    gates = torch.randn(rows, length, 2 * heads, dtype=torch.float64).to(torch.promote_types(dtype, torch.float32))
    a, b = gates.chunk(2, dim=-1)
    wide = gates.dtype
    state = torch.zeros(rows, heads, keys, values, dtype=wide), torch.zeros(rows, heads, keys, dtype=wide)
    memory = (*state, torch.zeros(rows, heads, dtype=wide))
    exact = mlstm_reference(*(y.double() for y in (q, k, v, a, b)), **gate)
    for t in range(length):
        h, *memory = mlstm_step(q[:, t], k[:, t], v[:, t], a[:, t], b[:, t], tuple(memory), **gate)
        assert (h.double() - exact[0][:, t]).abs().max() <= TOLERANCE[wide] * exact[0].abs().max()
    for held, wanted in zip(memory, exact[1:], strict=True):
        assert (held.double() - wanted).abs().max() <= TOLERANCE[wide] * max(1.0, wanted.abs().max())
