"""What the hidden units of a model hand on for some inputs."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from seqlab.models.shared.layers import listening
from seqlab.nn.units import hidden_units, positions_last

__all__ = ["features"]


def features(model: nn.Module, inputs: tuple[Tensor, ...]) -> Iterator[tuple[str, Tensor]]:
    """Each layer of hidden units by the path of what makes them, with its activations (N, H) at all positions of all
    rows, in float64."""
    layers = hidden_units(model)
    watched = {name: (units.watched, model.get_submodule(units.watched)) for name, units in layers.items()}
    with listening(list(watched.values())) as heard:
        model(*inputs)
    for name, (path, module) in watched.items():
        output = heard[path].output
        if output is not None:
            before = positions_last(output.detach(), module)
            yield name, layers[name].activation(before).flatten(0, -2).double()
