"""The contract of laws of weights (seqlab/nn/inits/__init__.py), for every file of the folder."""

from __future__ import annotations

import pytest
import torch
from shipped_parts import variants
from torch import nn

from seqlab.nn.inits import Init, initialise, residual
from seqlab.spec import from_json, to_json

pytestmark = pytest.mark.parametrize("spec", variants("nn/inits"))


def test_weights_have_the_stated_deviation(spec: Init) -> None:
    weight = torch.full((200, 300), float("nan"))
    spec.fill(weight)
    std = spec.std(300, 200)
    assert weight.std().item() == pytest.approx(std, rel=0.02)  # 60 000 draws: 0.3 %
    spec.fill(weight, gain=0.5)
    assert weight.std().item() == pytest.approx(0.5 * std, rel=0.02)


def test_one_seed_repeats(spec: Init) -> None:
    a, b = torch.empty(3, 4), torch.empty(3, 4)
    torch.manual_seed(1)
    spec.fill(a)
    torch.manual_seed(1)
    spec.fill(b)
    assert torch.equal(a, b)
    spec.fill(b)
    assert not torch.equal(a, b)


def test_marks_are_heeded(spec: Init) -> None:
    class Own(nn.Linear):
        keeps_init = True

    plain, out, own = nn.Linear(200, 200), residual(nn.Linear(200, 200)), Own(200, 200)
    before = own.weight.clone()
    initialise(nn.Sequential(plain, nn.Sequential(out, own)), spec, residual_gain=0.1)
    assert out.weight.std().item() == pytest.approx(0.1 * plain.weight.std().item(), rel=0.03)
    assert plain.bias.abs().sum() == 0
    assert torch.equal(own.weight, before)


def test_spec_survives_json(spec: Init) -> None:
    assert from_json(to_json(spec)) == spec
