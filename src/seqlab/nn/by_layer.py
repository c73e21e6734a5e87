"""What is remembered of several layers of hidden units, in one flat dict of tensors: `age/blocks.0.channel.up` ..."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

__all__ = ["named", "of_layer"]


def of_layer(remembered: Mapping[str, Tensor], layer: str) -> dict[str, Tensor]:
    """What is remembered of a layer, by name."""
    return {key.partition("/")[0]: value for key, value in remembered.items() if key.partition("/")[2] == layer}


def named(layer: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same with the layer in the names."""
    return {f"{name}/{layer}": value for name, value in state.items()}
