"""Hidden units: which parameters make each unit of a model and which read it, found in the module graph.

A module that has hidden units between two of its linears (or convolutions) says so: its method `hidden_units()` returns
an `Own` each. In an `nn.Sequential` they are found without being told. Nothing depends on the order of parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

__all__ = ["Units", "gated", "hidden_units", "positions_last"]


@dataclass(frozen=True)
class Units:
    """A layer of H hidden units, by the paths of the parameters that make them and that read them."""

    incoming: str
    """Weight (P H, in, ...): row i makes unit i; where P is 2 or more, so do the rows H + i, 2 H + i ..."""
    bias: str | None
    """Bias (P H,), where there is one."""
    outgoing: str
    """Weight (out, H S, ...): the S columns from S i on read unit i; S is 1, but of a flattened map its pixels."""
    parts: int = 1
    """P: 1, or 2 for gated units, whose first H rows make the gates."""
    activation: Callable[[Tensor], Tensor] = torch.relu
    """What the units hand on: (..., P H) -> (..., H)."""
    norm_weight: str | None = None
    """Factor (H,) of a norm between the units' linear and their activation, where there is one."""
    norm_bias: str | None = None
    """Its offset (H,)."""
    watched: str = ""
    """The module whose output is the units' pre-activation; none: the one that holds `incoming`."""

    def parameters(self) -> list[str]:
        """The paths of all its parameters."""
        found = [self.incoming, self.bias, self.outgoing, self.norm_weight, self.norm_bias]
        return [path for path in found if path is not None]

    def width(self, weights: Mapping[str, Tensor]) -> int:
        """H, given the weights by path."""
        return len(weights[self.incoming]) // self.parts

    def by_unit(self, value: Tensor, path: str, count: int) -> Tensor:
        """(H, K): what of a tensor that has the shape of the parameter at `path` belongs to each of `count` units."""
        if path == self.outgoing:
            return value.reshape(len(value), count, -1).transpose(0, 1).flatten(1)
        return value.reshape(-1, count, value[0].numel()).transpose(0, 1).flatten(1)

    def elements(self, chosen: Tensor, path: str, like: Tensor) -> Tensor:
        """Which elements of the parameter at `path`, of the shape of `like`, belong to the chosen units (H,): a mask
        that broadcasts."""
        if path == self.outgoing:
            columns = chosen.repeat_interleave(like.shape[1] // len(chosen))
            return columns.view(1, -1, *[1] * (like.ndim - 2))
        return chosen.repeat(len(like) // len(chosen)).view(-1, *[1] * (like.ndim - 1))

    def below(self, path: str) -> Units:
        """The same layer, seen from a module that holds this one at `path`."""

        def placed(own: str | None) -> str | None:
            return own if own is None or not path else f"{path}.{own}"

        return replace(
            self,
            incoming=placed(self.incoming) or "",
            bias=placed(self.bias),
            outgoing=placed(self.outgoing) or "",
            norm_weight=placed(self.norm_weight),
            norm_bias=placed(self.norm_bias),
            watched=placed(self.watched or self.incoming.rpartition(".")[0]) or "",
        )


def hidden_units(model: nn.Module) -> dict[str, Units]:
    """All layers of hidden units of a model, by the path of the module that makes them, first to last."""
    found: dict[str, Units] = {}
    for path, module in model.named_modules():
        own = getattr(module, "hidden_units", None)
        layers = own() if own is not None else _of_sequential(module) if isinstance(module, nn.Sequential) else ()
        for layer in layers:
            placed = layer.below(path)
            found[placed.incoming.rpartition(".")[0]] = placed
    return found


def gated(activation: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """What gated units hand on: activation(gate) . value, both in one product."""

    def product(both: Tensor) -> Tensor:
        gate, value = both.chunk(2, dim=-1)
        return activation(gate) * value

    return product


CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.LayerNorm)
POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d, nn.AvgPool2d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d)
THROUGH = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Flatten, nn.Identity, *POOLS)
"""What keeps units apart, so that the next linear still reads each by columns of its own."""
MIXING = (nn.GLU, nn.Softmax, nn.Softmin, nn.LogSoftmax, nn.Softmax2d, nn.MultiheadAttention)
"""What torch counts among the activations, and what mixes units or halves them."""


def positions_last(values: Tensor, module: nn.Module) -> Tensor:
    """What a module gives, with its units as the last axis: the maps (B, H, ...) of a convolution, or of its norm,
    become (B, ..., H)."""
    of_maps = isinstance(module, CONVOLUTIONS) or (isinstance(module, NORMS[:3]) and values.ndim > 2)
    return values.movedim(1, -1) if of_maps else values


def _of_sequential(sequence: nn.Sequential) -> Iterator[Units]:
    """linear or convolution, perhaps a norm, an activation, perhaps pools and dropout, linear or convolution."""
    children = list(sequence.named_children())
    for place, (name, module) in enumerate(children):
        if isinstance(module, (nn.Linear, *CONVOLUTIONS)):
            layer = _following(name, module, children[place + 1 :])
            if layer is not None:
                yield layer


def _following(name: str, module: nn.Module, rest: list[tuple[str, nn.Module]]) -> Units | None:
    """The units that a linear makes and that the next linear of a sequence reads; none where they are not elementwise
    functions of the first."""
    norm, function = None, None
    for other, after in rest:
        if isinstance(after, (nn.Linear, *CONVOLUTIONS)):
            if function is None:
                return None
            return _joined(name, module, norm, function, other)
        if isinstance(after, NORMS) and norm is None and function is None:
            norm = other, after
        elif _is_elementwise(after) and function is None:
            function = after
        elif not isinstance(after, THROUGH):
            return None
    return None


def _is_elementwise(module: nn.Module) -> bool:
    """Whether a module is one of torch's activations that has no parameters and mixes no features."""
    is_activation = type(module).__module__ == "torch.nn.modules.activation"
    return is_activation and not isinstance(module, MIXING) and not list(module.parameters())


def _joined(name: str, module: nn.Module, norm: tuple[str, nn.Module] | None, function: nn.Module, then: str) -> Units:
    return Units(
        incoming=f"{name}.weight",
        bias=f"{name}.bias" if module.bias is not None else None,
        outgoing=f"{then}.weight",
        activation=function,
        norm_weight=f"{norm[0]}.weight" if norm and norm[1].weight is not None else None,
        norm_bias=f"{norm[0]}.bias" if norm and norm[1].bias is not None else None,
        watched=norm[0] if norm else name,
    )
