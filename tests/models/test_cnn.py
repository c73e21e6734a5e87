"""The convolutional network: its sizes, its law, what it refuses."""

import math

import pytest
import torch
from torch import nn

from seqlab.data.signature import Signature
from seqlab.models.cnn import CNN
from seqlab.spec import SpecError

IMAGENET32 = Signature(shape=(3, 32, 32), classes=2)


def test_the_published_sizes() -> None:
    """Dohare et al.: three convolutions of 32, 64, 128 maps, which leave 2 x 2 pixels, then 128, 128, classes."""
    model = CNN().build(IMAGENET32)
    shapes = [tuple(layer.weight.shape) for layer in model.each_layer()]
    assert shapes == [(32, 3, 5, 5), (64, 32, 3, 3), (128, 64, 3, 3), (128, 512), (128, 128), (2, 128)]
    assert sum(layer["parameters"] for layer in CNN().card(model)["layers"]) == sum(
        p.numel() for p in model.parameters()
    )


def test_it_is_the_formula() -> None:
    model = CNN(channels=(4, 5), kernels=(3, 2), widths=(6,)).build(Signature(shape=(2, 11, 9), classes=3))
    first, second, hidden, head = model.each_layer()
    plain = nn.Sequential(
        first, nn.ReLU(), nn.MaxPool2d(2), second, nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), hidden, nn.ReLU(), head
    )
    images = torch.rand(2, 2, 11, 9)
    torch.testing.assert_close(model(images), plain(images))
    assert model.flops() == 2 * (9 * 7 * first.weight.numel() + 3 * 2 * second.weight.numel()) + 2 * (
        hidden.weight.numel() + head.weight.numel()
    )


def test_its_law() -> None:
    model = CNN().build(IMAGENET32)
    for layer in model.each_layer():
        fan_in = layer.weight[0].numel()
        assert layer.weight.std().item() == pytest.approx(1 / math.sqrt(fan_in), rel=0.1)
        assert not layer.bias.any()


def test_what_it_refuses() -> None:
    with pytest.raises(SpecError, match="3 `channels` and 2 `kernels`"):
        CNN(kernels=(3, 3))
    with pytest.raises(SpecError, match="an image of 8 x 8 is used up by kernels"):
        CNN().build(Signature(shape=(1, 8, 8), classes=2))
    with pytest.raises(SpecError, match=r"reads images .* and the task's inputs are \(9,\)"):
        CNN().build(Signature(shape=(9,), classes=2))
