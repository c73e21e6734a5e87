"""The contract of channel mixers (seqlab/channels/__init__.py), for every file of the folder."""

from __future__ import annotations

import pytest
import torch
from shipped_parts import narrowed, relative, variants
from torch import Tensor

from seqlab.channels import Channel, ChannelMixer
from seqlab.spec import from_json, to_json

DIM = 8
pytestmark = pytest.mark.parametrize("spec", variants("channels"))


def build(spec: Channel, seed: int = 0) -> ChannelMixer:
    torch.manual_seed(seed)
    return spec.build(dim=DIM).double().eval()


def test_positions_do_not_see_each_other(spec: Channel) -> None:
    channel = build(spec)
    x = torch.randn(2, 5, DIM, dtype=torch.float64, requires_grad=True)
    y = channel(x)
    assert y.shape == x.shape
    (gradient,) = torch.autograd.grad(y[1, 2].pow(2).sum(), x)
    assert gradient[1, 2].abs().sum() > 0
    gradient[1, 2] = 0
    assert gradient.abs().sum() == 0
    assert relative(channel(x[1, 2]), y[1, 2]) <= 1e-12


def test_gradients_are_right(spec: Channel) -> None:
    channel = build(spec)
    names = [name for name, _ in channel.named_parameters()]

    def f(x: Tensor, *values: Tensor) -> Tensor:
        return torch.func.functional_call(channel, dict(zip(names, values, strict=True)), (x,))

    x = torch.randn(3, DIM, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(f, (x, *channel.parameters()), fast_mode=True)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 3e-2)])
def test_narrow_dtypes_stay_and_come_close(spec: Channel, dtype: torch.dtype, tolerance: float) -> None:
    channel, x = build(spec), torch.randn(4, DIM, dtype=torch.float64)
    exact = channel(x)
    y = narrowed(channel.float(), dtype)(x.to(dtype))
    assert y.dtype == dtype
    assert relative(y, exact) <= tolerance


def test_spec_survives_json(spec: Channel) -> None:
    assert from_json(to_json(spec)) == spec


def test_seeds(spec: Channel) -> None:
    x = torch.randn(4, DIM, dtype=torch.float64)
    first, again, other = build(spec, 1), build(spec, 1), build(spec, 2)
    assert torch.equal(first(x), again(x))
    assert relative(first(x), other(x)) > 1e-3


def test_flops_count_every_weight_at_least_once(spec: Channel) -> None:
    channel = build(spec)
    assert channel.flops() >= sum(p.numel() for p in channel.parameters() if p.dim() == 2)


def test_compiled_code_gives_the_same_values(spec: Channel) -> None:
    channel, x = build(spec), torch.randn(2, 3, DIM, dtype=torch.float64)
    assert relative(torch.compile(channel, backend="aot_eager", dynamic=False)(x), channel(x)) <= 1e-12
