"""Is the residual stream added once? Added twice in each of six layers it grows by 64."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from seqlab.audits import Audit, Finding, failed, not_applicable, passed, warned
from seqlab.audits.shared.layers import Named, branches, layers, listening, titled
from seqlab.audits.shared.subject import Subject
from seqlab.models import BlockModule
from seqlab.spec import Field

__all__ = ["ResidualGain"]

LARGE = 1e4
"""The stream is made so large that what normalised branches add to it does not count: what is left is its own gain."""


class ResidualGain(Audit):
    """From layer to layer the residual stream must go on once: its gain is 1.

    The stream is scaled up before the first layer, so that branches behind a norm do not count. Where the layers
    normalise the stream itself (post-norm) it has no gain to measure. A branch must not return its own input, which
    the block adds already.
    """

    depends_on: ClassVar[tuple[str, ...]] = ("model",)
    most: float = Field(default=0.3, gt=0)
    """How far a layer's gain may be from 1."""
    alike: float = Field(default=0.8, gt=0, lt=1)
    """Cosine between the stream before and after a layer from which on the gain means something."""

    def examine(self, subject: Subject) -> Finding:
        model = subject.awake
        known = layers(model)
        if not known:
            return not_applicable("the model has no list of layers")
        doubled = _returned_inputs(subject, model)
        if doubled:
            names = ", ".join(f"{titled(named, model)} at `{named[0]}`" for named in doubled)
            return failed(
                f"{names} returns its input together with its output, and the block adds its input once more: the "
                "residual stream is added twice.",
                branches=len(doubled),
            )
        gains = _gains(subject, model, known, self.alike)
        if not gains:
            return passed("the layers normalise the stream; it has no gain of its own")
        measured: dict[str, Any] = {"gain": max(gains.values()), "limit": 1 + self.most, "layers": len(gains)}
        high = {path: gain for path, gain in gains.items() if gain > 1 + self.most}
        low = {path: gain for path, gain in gains.items() if gain < 1 - self.most}
        if high:
            first = next(named for named in known if named[0] in high)
            return failed(
                f"the residual stream grows by {high[first[0]]:.2f} in {titled(first, model)}"
                f"{f' and in {len(high) - 1} more layers' if len(high) > 1 else ''}: added twice, it doubles in each "
                f"layer, {_product(gains):.3g} times in all; initial scales then seem to matter that do not.",
                **measured,
            )
        if low:
            first = next(named for named in known if named[0] in low)
            return warned(f"the residual stream shrinks to {low[first[0]]:.2f} in {titled(first, model)}.", **measured)
        return passed("the residual stream is added once in every layer", **measured)


def _product(gains: dict[str, float]) -> float:
    return float(torch.tensor(list(gains.values()), dtype=torch.float64).prod())


def _gains(subject: Subject, model: nn.Module, known: list[Named], alike: float) -> dict[str, float]:
    """By the path of each layer, the factor by which the stream goes through it, where it goes through."""
    with _stream(model, known) as stream:
        subject.output(model, subject.inputs(1))
    found: dict[str, float] = {}
    if len(stream.points) <= len(known):
        return found  # layers that are never called as such have no stream that can be heard
    for (path, before), (_, after) in pairwise(stream.points):
        if before.shape == after.shape and _goes_on(before, after, alike):
            found[path] = _share(before, after)
    first = known[0][0]
    if first in found and stream.returned is not None and stream.returned.shape == stream.points[1][1].shape:
        # The scaling lies inside the first layer: what the model adds to its result outside is not scaled.
        found[first] += LARGE * _share(stream.points[0][1], stream.points[1][1] - stream.returned)
    return found


def _share(x: Tensor, y: Tensor) -> float:
    """How often y holds x: the coefficient of its regression on x."""
    x, y = x.double().flatten(), y.double().flatten()
    return float(torch.dot(x, y) / torch.dot(x, x).clamp(min=1e-300))


def _cosine(x: Tensor, y: Tensor) -> float:
    x, y = x.double().flatten(), y.double().flatten()
    return float(torch.dot(x, y) / (x.norm() * y.norm()).clamp(min=1e-300))


def _goes_on(before: Tensor, after: Tensor, alike: float) -> bool:
    """Whether the large stream is still there behind the layer; a norm over the stream would have made it small."""
    return _cosine(before, after) > alike and float(after.norm() / before.norm().clamp(min=1e-300)) > 100 / LARGE


@dataclass
class Stream:
    """The residual stream on its way through the layers."""

    points: list[tuple[str, Tensor]] = field(default_factory=list)
    """What goes into each layer, by its path, and last, by "", what is behind the last one."""
    returned: Tensor | None = None
    """What the first layer returns."""


@contextmanager
def _stream(model: nn.Module, known: list[Named]) -> Iterator[Stream]:
    """Within, the stream of a forward pass is heard, scaled up as it enters the first layer. Behind the last layer it
    is what goes into the next module, where it is seen whole, else what the last layer returns."""
    stream, paths = Stream(), {id(layer): path for path, layer in known}
    inside = {id(part) for _, layer in known for part in layer.modules()}
    holders = {id(module) for module in model.modules() if any(id(layer) in paths for layer in module.modules())}

    def enter(layer: nn.Module, arguments: tuple[Any, ...]) -> Any:
        x, *rest = arguments
        x = x * LARGE if not stream.points else x
        stream.points.append((paths[id(layer)], x.detach()))
        return (x, *rest)

    def leave(layer: nn.Module, _: Any, result: Any) -> None:
        if layer is known[0][1]:
            stream.returned = result.detach()
        if layer is known[-1][1]:
            stream.points.append(("end", result.detach()))

    def behind(_: nn.Module, arguments: tuple[Any, ...]) -> None:
        x = arguments[0] if arguments else None
        is_behind = bool(stream.points) and stream.points[-1][0] == "end"
        if is_behind and isinstance(x, Tensor) and x.shape == stream.points[-1][1].shape:
            stream.points[-1] = ("", x.detach())

    hooks = [layer.register_forward_pre_hook(enter) for _, layer in known]
    hooks += [layer.register_forward_hook(leave) for _, layer in known]
    outside = [module for module in model.modules() if id(module) not in inside | holders]
    hooks += [module.register_forward_pre_hook(behind) for module in outside]
    try:
        yield stream
    finally:
        for hook in hooks:
            hook.remove()


def _returned_inputs(subject: Subject, model: nn.Module) -> list[Named]:
    """Branches of blocks, which add them to the stream, whose output holds their input once, beyond chance."""
    listened = [named for named in branches(model) if _is_added(model, named)]
    with listening(listened) as heard:
        subject.output(model, subject.inputs(1))
    found = []
    for named in listened:
        at = heard[named[0]]
        if at.output is None or not at.inputs or at.output.shape != at.inputs[0].shape:
            continue
        x, y = at.inputs[0], at.output
        if abs(_share(x, y) - 1) < 0.25 and _cosine(x, y) > 0.4 and _every_feature(x, y):
            found.append(named)
    return found


def _every_feature(x: Tensor, y: Tensor) -> bool:
    """Whether nearly every feature of the output holds its own input about once: chance does that to some only."""
    flat_x, flat_y = x.flatten(0, -2), y.flatten(0, -2)
    shares = (flat_x * flat_y).sum(0) / (flat_x * flat_x).sum(0).clamp(min=1e-300)
    return bool(((shares.double() - 1).abs() < 0.6).double().mean() > 0.9)


def _is_added(model: nn.Module, named: Named) -> bool:
    owner = dict(model.named_modules())[named[0].rpartition(".")[0]]
    return isinstance(owner, BlockModule)
