"""The perceptron: its sizes, its law, what it takes and what it refuses."""

import math
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from seqlab.data.signature import Signature
from seqlab.mixers.attention import Attention
from seqlab.models import Block
from seqlab.models.lm import LM
from seqlab.models.mlp import MLP
from seqlab.nn.inits.he import He
from seqlab.spec import SpecError

MNIST = Signature(shape=(1, 28, 28), classes=10)
SYMBOLS = Signature(vocabulary=256, length=8)


@pytest.mark.parametrize(
    ("fields", "parameters"),
    [
        ({}, 784 * 100 + 100 + 100 * 100 + 100 + 100 * 10 + 10),
        ({"widths": (), "bias": False}, 7840),
        ({"widths": (5,), "activation": "gelu"}, 784 * 5 + 5 + 50 + 10),
    ],
)
def test_sizes(fields: dict[str, Any], parameters: int) -> None:
    spec = MLP(**fields)
    model = spec.build(MNIST)
    assert sum(p.numel() for p in model.parameters()) == parameters
    assert sum(layer["parameters"] for layer in spec.card(model)["layers"]) == parameters
    assert model(torch.rand(3, 1, 28, 28)).shape == (3, 10)
    assert model.flops() == 2 * sum(p.numel() for p in model.parameters() if p.ndim == 2)


def test_it_is_the_formula() -> None:
    model, x = MLP(widths=(7,)).build(Signature(shape=(6,), classes=3)), torch.rand(4, 6)
    (w, b), (v, c) = ((linear.weight, linear.bias) for linear in model.layers)
    torch.testing.assert_close(model(x), F.relu(x @ w.T + b) @ v.T + c)


def test_the_law_of_the_weights() -> None:
    torch.manual_seed(0)
    for init, std in ((None, math.sqrt(1 / 784)), (He(), math.sqrt(2 / 784))):
        model = MLP(widths=(100,), **({} if init is None else {"init": init})).build(MNIST)
        assert float(model.layers[0].weight.detach().std()) == pytest.approx(std, rel=0.01)
        assert not any(linear.bias.any() for linear in model.layers)


def test_a_model_refuses_a_task_that_it_cannot_do() -> None:
    with pytest.raises(SpecError, match="puts images or features into classes, and the task gives symbols"):
        MLP().build(SYMBOLS)
    with pytest.raises(SpecError, match="predicts the next symbol, and the task gives images or features"):
        LM(layers=(Block(mixer=Attention()),)).build(MNIST)
    with pytest.raises(SpecError, match="greater than or equal to 1"):
        MLP(widths=(10, 0))
