"""The recipes of the plasticity notebook: the sizes of their models, and what the observer writes."""

import pytest
import torch

from seqlab.nn.units import hidden_units
from seqlab.probes.lifetimes import Lifetimes
from seqlab.recipes import find_recipe
from seqlab.train.record_size import record_bytes

VIT_L3 = 90_530
PATCHES = 3 * 4 * 4 * 48 + 48


def test_the_text_transformer_is_the_vision_transformer_behind_another_entrance() -> None:
    recipe = find_recipe("plasticity:texts")
    positions, symbols = 128, 257
    assert recipe.parameters == VIT_L3 - PATCHES - 65 * 48 + positions * 48 + symbols * 48


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
