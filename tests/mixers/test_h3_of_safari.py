"""What the public H3 and H3Conv do wrong (HazyResearch/safari at 02220c69), and that ours do not.

A faulty form is written out here, on the weights of our layer, so that a test shows the fault before it denies it.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.fft import irfft, rfft

from seqlab.filters.explicit import Explicit
from seqlab.filters.s4d import S4DKernel
from seqlab.filters.shift import ShiftKernel
from seqlab.mixers.h3 import H3, H3Layer
from seqlab.mixers.h3conv import H3Conv, H3ConvLayer

DIM, LENGTH = 6, 24


def wrapped(u: Tensor, taps: Tensor) -> Tensor:
    """A transform of twice the input's length takes taps beyond the input's length for taps of the future."""
    points = 2 * u.shape[1]
    return irfft(rfft(u.mT, points) * rfft(taps, points), points)[..., : u.shape[1]].mT


def safari_h3conv(layer: H3ConvLayer, x: Tensor) -> Tensor:
    q, k, v = layer.project(x).chunk(3, dim=-1)
    u = (wrapped(k, layer.key_filter(LENGTH)) + layer.key_skip * k) * v
    return layer.out(q * (wrapped(u, layer.filter(LENGTH)) + layer.skip * u))


def share_of_the_future(y: Tensor, x: Tensor, time: int) -> float:
    (gradient,) = torch.autograd.grad(y[:, time].pow(2).sum(), x, retain_graph=True)
    return (gradient[:, time + 1 :].abs().max() / gradient.abs().max()).item()


@pytest.mark.parametrize("length", [7, 14, 20])
def test_a_short_input_does_not_wrap_round_in_h3conv(length: int) -> None:
    torch.manual_seed(0)
    layer = H3Conv(key_filter=Explicit(), filter=Explicit()).build(dim=DIM, length=LENGTH).double()
    with torch.no_grad():
        layer.key_filter.weight.mul_(50)
        layer.filter.weight.mul_(50)
    x = torch.randn(1, length, DIM, dtype=torch.float64, requires_grad=True)
    assert share_of_the_future(safari_h3conv(layer, x), x, 2) > 1e-3
    assert share_of_the_future(layer(x), x, 2) <= 1e-13
    whole = torch.randn(1, LENGTH, DIM, dtype=torch.float64)
    torch.testing.assert_close(safari_h3conv(layer, whole), layer(whole), rtol=1e-12, atol=1e-12)


def h3(head_dim: int) -> H3Layer:
    torch.manual_seed(0)
    spec = H3(head_dim=head_dim, shift=ShiftKernel(states=4), kernel=S4DKernel(states=4, discretisation="bilinear"))
    return spec.build(dim=DIM, length=LENGTH).double()


def by_definition(layer: H3Layer, x: Tensor) -> Tensor:
    """Head by head and position by position; the last linear is left out."""
    q, k, v = layer.project(x).chunk(3, dim=-1)
    shift, diagonal = layer.shift.taps(x.shape[1]), layer.kernel.taps(x.shape[1])
    y = torch.zeros_like(q)
    keys = torch.stack([_sum(shift, k, t) for t in range(x.shape[1])], dim=1) + layer.key_skip * k
    for head, features in enumerate(torch.arange(DIM).view(layer.products.heads, layer.products.width)):
        products = keys[..., features, None] * v[..., None, features]
        for t in range(x.shape[1]):
            state = sum(diagonal[head, t - s] * products[:, s] for s in range(t + 1))
            state = state + layer.skip[head] * products[:, t]
            y[:, t, features] = torch.einsum("bi,bij->bj", q[:, t, features], state)
    return y


def _sum(taps: Tensor, u: Tensor, t: int) -> Tensor:
    return torch.stack([taps[:, t - s] * u[:, s] for s in range(max(t + 1 - taps.shape[1], 0), t + 1)]).sum(0)


@pytest.mark.parametrize("head_dim", [1, 2, 3, 6])
def test_heads_lie_the_same_way_before_and_behind_the_state_of_h3(head_dim: int) -> None:
    """safari's slow path takes features head by head and gives them back inside out, unlike its fast path."""
    layer, x = h3(head_dim), torch.randn(2, 9, DIM, dtype=torch.float64)
    with torch.no_grad():
        wanted = layer.out(by_definition(layer, x))
        torch.testing.assert_close(layer(x), wanted, rtol=1e-12, atol=1e-12)
        inside_out = by_definition(layer, x).unflatten(2, (-1, head_dim)).mT.flatten(2)
        assert torch.equal(layer.out(inside_out), wanted) == (head_dim in (1, DIM))


def test_h3_steps_where_heads_are_wide() -> None:
    """safari's step raises unless head_dim is 1."""
    layer, x = h3(3), torch.randn(2, 9, DIM, dtype=torch.float64)
    state = layer.init_state(2)
    for t in range(9):
        y_t, state = layer.step(x[:, t], state)
        torch.testing.assert_close(y_t, layer(x)[:, t], rtol=1e-12, atol=1e-12)
