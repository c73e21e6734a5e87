"""The contract of norms (seqlab/nn/norms/__init__.py), for every file of the folder."""

from __future__ import annotations

import copy

import pytest
import torch
from shipped_parts import relative, variants
from torch import nn

from seqlab.nn.norms import Norm, normed
from seqlab.spec import from_json, to_json

DIM = 8
pytestmark = pytest.mark.parametrize("spec", variants("nn/norms"))


def build(spec: Norm) -> nn.Module:
    """A norm whose parameters are not those of the start, so that they matter."""
    norm = spec.build(dim=DIM)
    with torch.no_grad():
        for parameter in norm.parameters():
            parameter.add_(0.3 * torch.randn(DIM))
    return norm


def test_every_position_alone_in_evaluation(spec: Norm) -> None:
    norm = build(spec).double().eval()
    x = torch.randn(2, 5, DIM, dtype=torch.float64, requires_grad=True)
    y = norm(x)
    (gradient,) = torch.autograd.grad(y[1, 2].pow(3).sum(), x)
    assert gradient[1, 2].abs().sum() > 0
    gradient[1, 2] = 0
    assert gradient.abs().sum() == 0
    assert relative(norm(x[1, 2]), y[1, 2]) <= 1e-12


def test_gradients_are_right(spec: Norm) -> None:
    norm = build(spec).double()
    x = torch.randn(3, DIM, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(norm, (x,))


def test_scale_is_taken_out(spec: Norm) -> None:
    norm = spec.build(dim=DIM).double()
    x = torch.randn(4, DIM, dtype=torch.float64)
    assert relative(norm(1000 * x), norm(x)) <= 1e-4


def test_float32_parameters_beside_bf16_inputs(spec: Norm) -> None:
    norm, x = build(spec), torch.randn(4, DIM).bfloat16().requires_grad_()
    assert norm.keeps_float32 is True
    y = norm(x)
    y.float().pow(2).sum().backward()
    assert y.dtype == torch.bfloat16
    assert x.grad is not None
    assert x.grad.dtype == torch.bfloat16
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in norm.parameters())
    assert relative(y, norm(x.float())) <= 8e-3, "two roundings of bf16"


@pytest.mark.parametrize("trains", [True, False])
def test_padding_changes_nothing(spec: Norm, trains: bool) -> None:
    norm = build(spec).double().train(trains)
    x, lengths = torch.randn(2, 5, DIM, dtype=torch.float64), torch.tensor([2, 5])
    padded = x.clone()
    padded[0, 2:] = 1e3
    again = copy.deepcopy(norm)
    assert relative(normed(again, padded, lengths)[0, :2], normed(norm, x, lengths)[0, :2]) <= 1e-12
    assert relative(normed(again, padded, lengths)[1], normed(norm, x, lengths)[1]) <= 1e-12
    for (name, one), other in zip(norm.named_buffers(), again.buffers(), strict=True):
        assert torch.equal(one, other), name


def test_spec_survives_json(spec: Norm) -> None:
    assert from_json(to_json(spec)) == spec
