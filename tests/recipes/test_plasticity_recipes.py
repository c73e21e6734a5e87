"""The recipes of the plasticity notebook: the sizes of their models, and what the observer writes."""

from dataclasses import replace
from typing import cast

import pytest
import torch

from seqlab.models.classifier import Classifier
from seqlab.models.vit import ViT
from seqlab.nn.units import hidden_units
from seqlab.probes.lifetimes import Lifetimes
from seqlab.recipes import find_recipe
from seqlab.tasks.articles import Articles
from seqlab.train.record_size import record_bytes

VIT_L3, VIT_L12 = 90_530, 5_361_218
"""Published sizes, on 3 x 32 x 32 images in patches of 4 x 4."""


def entrance(width: int) -> int:
    """Parameters of the vision transformer's patches and positions."""
    return (3 * 4 * 4 + 1) * width + 65 * width


@pytest.mark.parametrize(("name", "parameters"), [("vit_l3", VIT_L3), ("vit_l12", VIT_L12)])
def test_the_vision_transformers_have_the_published_sizes(name: str, parameters: int) -> None:
    assert find_recipe(f"plasticity:{name}").parameters == parameters


def test_the_text_transformer_is_the_vision_transformer_behind_another_entrance() -> None:
    """The source tells no size of its own for it."""
    recipe = find_recipe("plasticity:texts")
    positions, symbols = 128, 257
    assert recipe.parameters == VIT_L3 - entrance(48) + (positions + symbols) * 48


def test_the_text_transformer_with_12_layers_too() -> None:
    """On 512 of GPT-2's symbols and one that fills up, as at full size."""
    vit = cast(ViT, find_recipe("plasticity:vit_l12").build().model)
    texts = cast(Classifier, find_recipe("plasticity:texts").build().model)
    signature = Articles(path="texts.csv", length=512).signature(padding=50_257)
    with torch.device("meta"):
        model = replace(texts, dim=vit.dim, layers=vit.layers).build(signature)
    assert sum(p.numel() for p in model.parameters()) == VIT_L12 - entrance(192) + (512 + 50_258) * 192


def test_the_observer_of_500_tasks_takes_less_than_2_mb() -> None:
    """Of the vision transformer with 3 layers, in the units that a line of the record has."""
    experiment = find_recipe("plasticity:vit_l3").build()
    signature = experiment.task.foretold()
    with torch.device("meta"):
        model = experiment.model.build(signature)  # type: ignore[arg-type]
    widths = {name: layer.width(dict(model.named_parameters())) for name, layer in hidden_units(model).items()}
    assert list(widths.values()) == [192] * 3
    assert record_bytes(Lifetimes(), widths, steps=500 * 120) < 2_000_000
    dense = record_bytes(Lifetimes(events=True), widths, steps=500 * 120)
    assert dense == pytest.approx(500 * 3 * 120 * 192 / 8 * 4 / 3, rel=0.5), "a bit a unit and step, in base64"
