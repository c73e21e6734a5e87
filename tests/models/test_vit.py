"""The vision transformer: published sizes, patches, the class token."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from seqlab.channels.mlp import MLP
from seqlab.data.signature import Signature
from seqlab.mixers.attention import Attention
from seqlab.models import Block
from seqlab.models.vit import VisionTransformer, ViT
from seqlab.nn.norms.layernorm import LayerNorm
from seqlab.spec import SpecError

PAIRS = Signature(shape=(3, 32, 32), classes=2)


def spec(layers: int, **fields: Any) -> ViT:
    """The transformer of the continual ImageNet experiments: heads 3, width 16 a layer."""
    block = Block(
        mixer=Attention(heads=3, causal=False, bias=True), channel=MLP(activation="relu"), norm=LayerNorm(eps=1e-6)
    )
    return ViT(**{"dim": 16 * layers, "layers": (block,) * layers, **fields})


def small(signature: Signature = PAIRS, **fields: Any) -> VisionTransformer:
    torch.manual_seed(0)
    return spec(3, **fields).build(signature).double()


@pytest.mark.parametrize(("layers", "parameters"), [(3, 90_530), (12, 5_361_218)])
def test_the_sizes_are_the_published_ones(layers: int, parameters: int) -> None:
    with torch.device("meta"):
        model = spec(layers).build(PAIRS)
    assert sum(p.numel() for p in model.parameters()) == parameters
    assert len(model.positions) == 65


def images(rows: int = 2) -> Tensor:
    return torch.rand(rows, 3, 32, 32, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_patches_are_those_of_a_convolution() -> None:
    model, x = small(), images()
    kernel = model.patch.weight.view(48, 3, 4, 4)
    due = torch.nn.functional.conv2d(x, kernel, model.patch.bias, stride=4).flatten(2).transpose(1, 2)
    torch.testing.assert_close(model.patch(model._cut(x)), due)


def test_places_count_by_the_positions_alone() -> None:
    model, x = small(), images(1)
    swapped = torch.cat([x[..., 16:], x[..., :16]], -1)
    assert not model(x).allclose(model(swapped))
    with torch.no_grad():
        model.positions.zero_()
    torch.testing.assert_close(model(x), model(swapped))


def test_every_patch_reaches_the_logits() -> None:
    x = images(1).requires_grad_()
    small()(x).square().sum().backward()
    assert x.grad is not None
    assert bool((x.grad.reshape(3, 8, 4, 8, 4).abs().sum((0, 2, 4)) > 0).all())


def test_the_laws_of_the_weights() -> None:
    model = small().requires_grad_(False)
    assert not model.token.any()
    assert float(model.positions.std()) == pytest.approx(0.02, rel=0.05)
    assert float(model.blocks[0].channel.down.weight.std()) == pytest.approx(math.sqrt(1 / 192), rel=0.05)
    assert not model.blocks[0].channel.down.bias.any()


def test_flops_are_those_of_the_formula() -> None:
    d, h, n = 48, 192, 65
    block = 2 * n * 4 * d * d + 4 * n * n * d + 4 * n * d * h
    assert small().flops() == 3 * block + 2 * (64 * 48 * d + d * 2)


def test_any_image_that_patches_fill() -> None:
    model = small(Signature(shape=(1, 8, 12), classes=5), patch=2)
    assert len(model.positions) == 1 + 4 * 6
    assert model(torch.rand(3, 1, 8, 12, dtype=torch.float64)).shape == (3, 5)
    card = spec(3).card(small())
    assert [row["layer"] for row in card["layers"]] == [0, 1, 2]
    assert card["positions"] == 65


@pytest.mark.parametrize("shape", [(1, 28, 30), (784,)])
def test_inputs_that_cannot_be_cut(shape: tuple[int, ...]) -> None:
    with pytest.raises(SpecError, match=r"cuts images .* into patches of 4 x 4, and the task's inputs are"):
        spec(3).build(Signature(shape=shape, classes=2))
