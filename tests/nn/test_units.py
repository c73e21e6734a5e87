"""Hidden units are found in the module graph, whatever the order of parameters: here on every kind of layer."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqlab.channels.mlp import MLP as FeedForward
from seqlab.channels.swiglu import SwiGLU
from seqlab.data.signature import Signature
from seqlab.methods.shared.reset import reset_weights
from seqlab.mixers.attention import Attention
from seqlab.models import Block
from seqlab.models.cnn import CNN
from seqlab.models.lm import LM
from seqlab.models.mlp import MLP
from seqlab.models.vit import ViT
from seqlab.nn.units import Units, hidden_units, positions_last

torch.manual_seed(0)  # the models below are drawn here, before any test
IMAGES = Signature(shape=(1, 12, 12), classes=3)
SEQUENTIAL = nn.Sequential(
    nn.Conv2d(1, 4, 3),
    nn.BatchNorm2d(4),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(4, 5, 3, bias=False),
    nn.GELU(),
    nn.Flatten(),
    nn.Dropout(0.0),
    nn.Linear(45, 7),
    nn.BatchNorm1d(7),
    nn.Tanh(),
    nn.Linear(7, 3),
)


def built(channel: Any) -> nn.Module:
    spec = LM(dim=8, layers=(Block(mixer=Attention(heads=2), channel=channel),) * 2)
    return spec.build(Signature(vocabulary=11, length=6))


def image_inputs() -> Tensor:
    return torch.rand(8, 1, 12, 12)


def symbols() -> Tensor:
    return torch.randint(0, 11, (8, 6))


MODELS: dict[str, tuple[nn.Module, Tensor, dict[str, int]]] = {
    "perceptron": (MLP(widths=(6, 5)).build(IMAGES), image_inputs(), {"layers.0": 6, "layers.1": 5}),
    "cnn": (
        CNN(channels=(4, 6), kernels=(3, 2), widths=(5,)).build(IMAGES),
        image_inputs(),
        {"convolutions.0": 4, "convolutions.1": 6, "linears.0": 5},
    ),
    "vit": (
        ViT(dim=8, layers=(Block(mixer=Attention(heads=2, causal=False)),)).build(IMAGES),
        image_inputs(),
        {"blocks.0.channel.up": 32},
    ),
    "mlp of a transformer": (
        built(FeedForward(expansion=2.0)),
        symbols(),
        {"blocks.0.channel.up": 16, "blocks.1.channel.up": 16},
    ),
    "gates": (
        built(SwiGLU(multiple=4)),
        symbols(),
        {"blocks.0.channel.gate_and_up": 24, "blocks.1.channel.gate_and_up": 24},
    ),
    "sequential": (SEQUENTIAL, image_inputs(), {"0": 4, "4": 5, "8": 7}),
}


@pytest.mark.parametrize("name", MODELS)
def test_units_with_their_sizes(name: str) -> None:
    model, _, sizes = MODELS[name]
    weights = dict(model.named_parameters())
    found = hidden_units(model)
    assert {path: layer.width(weights) for path, layer in found.items()} == sizes
    assert all(path in weights for layer in found.values() for path in layer.parameters())


@pytest.mark.parametrize("name", MODELS)
def test_what_is_called_outgoing_is_all_that_reads_a_unit(name: str) -> None:
    """After a reset the output does not depend on what was drawn; before it, it does."""
    model, inputs, _ = MODELS[name]
    model.eval()
    for layer in hidden_units(model).values():
        weights = {path: p.detach().clone() for path, p in model.named_parameters()}
        mask = torch.zeros(layer.width(weights), dtype=torch.bool)
        mask[1:3] = True
        one, other = (
            {layer.incoming: torch.randn(weights[layer.incoming].shape, generator=torch.Generator().manual_seed(seed))}
            for seed in (0, 1)
        )
        outputs = [
            torch.func.functional_call(model, weights | reset_weights(weights, layer, mask, fresh), (inputs,))
            for fresh in (one, other)
        ]
        torch.testing.assert_close(*outputs, rtol=0, atol=0)
        made = one[layer.incoming]
        rows = mask.repeat(layer.parts).view(-1, *[1] * (made.ndim - 1))
        kept = {layer.incoming: torch.where(rows, made, weights[layer.incoming])}
        assert not torch.func.functional_call(model, weights | kept, (inputs,)).equal(outputs[0])


@pytest.mark.parametrize("name", MODELS)
def test_the_activation_is_what_the_next_linear_reads(name: str) -> None:
    """Of what a module gives, in the shape that methods see, `activation` makes what the units hand on."""
    model, inputs, sizes = MODELS[name]
    model.eval()
    modules = dict(model.named_modules())
    for path, layer in hidden_units(model).items():
        seen: list[Tensor] = []
        hook = modules[layer.watched].register_forward_hook(
            lambda m, _, out, seen=seen: seen.append(positions_last(out, m))
        )
        model(inputs)
        hook.remove()
        assert layer.activation(seen[0]).shape[-1] == sizes[path]


@pytest.mark.parametrize(
    "between", [[], [nn.Softmax(-1)], [nn.GLU()], [nn.ReLU(), nn.Tanh()], [nn.PReLU()], [nn.ReLU(), nn.ReLU6()]]
)
def test_no_units_where_they_are_mixed_or_more_than_an_activation_follows(between: list[nn.Module]) -> None:
    assert hidden_units(nn.Sequential(nn.Linear(4, 4), *between, nn.Linear(4, 4))) == {}


def test_a_norm_before_the_activation_belongs_to_the_units() -> None:
    layer = hidden_units(nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.ReLU(), nn.Linear(4, 4)))["0"]
    assert (layer.norm_weight, layer.norm_bias, layer.watched) == ("1.weight", "1.bias", "1")


def test_paths_are_seen_from_the_whole() -> None:
    layer = Units(incoming="up.weight", bias=None, outgoing="down.weight").below("blocks.3")
    assert (layer.incoming, layer.bias, layer.outgoing, layer.watched) == (
        "blocks.3.up.weight", None, "blocks.3.down.weight", "blocks.3.up",
    )  # fmt: skip
