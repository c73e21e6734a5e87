"""Is the residual stream added once? Added twice in each of six layers it grows by 64."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from seqlab.audits import Audit, Finding, failed, not_applicable, passed, warned
from seqlab.audits.shared.subject import Subject
from seqlab.models import BlockModule
from seqlab.models.shared.layers import Heard, Named, branches, first_tensor, is_norm, layers, listening, titled
from seqlab.spec import Field

__all__ = ["ResidualGain"]

LARGE = 1e4
"""The stream is made so large that what normalised branches add to it does not count: what is left is its own gain."""
MOST_ADDED = 4
"""Branches of one layer that are looked for in what it adds to the stream."""


class ResidualGain(Audit):
    """From layer to layer the residual stream must go on once: its gain is 1.

    Each layer is called once more with the stream scaled up, so that branches behind a norm do not count; what the
    model adds to its result outside is counted too. Where the layers normalise the stream itself (post-norm) it has no
    gain to measure. A branch must not return its own input, where what it returns is added to the stream, unless it
    says of its formula that it `holds_input`.
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
                f"{names} returns its input together with its output, and its input is added to that once more: the "
                "residual stream is added twice.",
                branches=len(doubled),
            )
        passages = _passages(subject, model, known)
        gains = {path: gain for path, passage in passages.items() if (gain := passage.gain(self.alike)) is not None}
        through = {path: gain for path, gain in gains.items() if gain}
        ended = [path for path, gain in gains.items() if not gain and _should_go_on(subject, passages[path])]
        if ended:
            names = ", ".join(titled(named, model) for named in known if named[0] in ended)
            return warned(
                f"the residual stream ends in {names}: what comes out does not hold what went in; a residual "
                "connection is missing, unless none is meant.",
                ended=len(ended),
                limit=0,
            )
        if not through:
            return passed("the layers normalise the stream, or there is none; it has no gain of its own")
        return self._judge(through, {path: titled((path, module), model) for path, module in known})

    def _judge(self, gains: Mapping[str, float], titles: Mapping[str, str]) -> Finding:
        measured: dict[str, Any] = {"gain": max(gains.values()), "limit": 1 + self.most, "layers": len(gains)}
        high = [path for path, gain in gains.items() if gain > 1 + self.most]
        low = [path for path, gain in gains.items() if gain < 1 - self.most]
        if high:
            product = float(torch.tensor(list(gains.values()), dtype=torch.float64).prod())
            return failed(
                f"the residual stream grows by {gains[high[0]]:.2f} in {titles[high[0]]}"
                f"{f' and in {len(high) - 1} more layers' if len(high) > 1 else ''}: added twice, it doubles in each "
                f"layer, {product:.3g} times in all; initial scales then seem to matter that do not.",
                **measured,
            )
        if low:
            return warned(f"the residual stream shrinks to {gains[low[0]]:.2f} in {titles[low[0]]}.", **measured)
        return passed("the residual stream is added once in every layer", **measured)


@dataclass
class Passage:
    """The residual stream on its way through one layer."""

    layer: nn.Module
    before: Tensor
    """What goes in."""
    returned: Tensor
    """What the layer makes of it."""
    of_large: Tensor
    """What the layer makes of LARGE times it."""
    after: Tensor
    """What goes on: into the next layer, or into what is behind the last."""

    def gain(self, alike: float) -> float | None:
        """How often the stream goes on: within the layer and past it; None where the stream is normalised, or where
        what goes on is no sum of what went in and what was returned."""
        past, times = _sum_of(self.after, (self.before, self.returned)) or (None, None)
        if past is None or times is None:
            return None
        within = 0.0
        if not _is_one_operation(self.layer) and _cosine(self.before, self.of_large) > alike:
            if self.of_large.norm() < 100 * self.before.norm():  # a norm over the stream made it small
                return None
            within = _share(LARGE * self.before, self.of_large)
        return past + times * within


def _is_one_operation(layer: nn.Module) -> bool:
    """Whether a layer is a part of torch, such as a norm, which can scale the stream and cannot add to it."""
    return type(layer).__module__.startswith("torch.nn") and not any(True for _ in layer.children())


def _should_go_on(subject: Subject, passage: Passage) -> bool:
    """Whether a layer looks like one of a residual stream: positions with features, and a norm before a branch."""
    is_sequence = passage.before.ndim == 3 and passage.before.shape[1] == subject.length
    return is_sequence and any(is_norm(part) for part in passage.layer.children())


def _sum_of(whole: Tensor, parts: tuple[Tensor, ...]) -> list[float] | None:
    """How often each part is in the whole, where it is a sum of nothing else."""
    columns = torch.stack([part.double().flatten() for part in parts], 1)
    target = whole.double().flatten()[:, None]
    found = torch.linalg.pinv(columns.T @ columns) @ (columns.T @ target)
    if (columns @ found - target).norm() > 1e-4 * target.norm():
        return None
    return [round(float(value), 4) for value in found[:, 0]]


def _share(x: Tensor, y: Tensor) -> float:
    """How often y holds x: the coefficient of its regression on x."""
    x, y = x.double().flatten(), y.double().flatten()
    return float(torch.dot(x, y) / torch.dot(x, x).clamp(min=1e-300))


def _cosine(x: Tensor, y: Tensor) -> float:
    x, y = x.double().flatten(), y.double().flatten()
    return float(torch.dot(x, y) / (x.norm() * y.norm()).clamp(min=1e-300))


def _passages(subject: Subject, model: nn.Module, known: list[Named]) -> dict[str, Passage]:
    """The stream through each layer that is called, by path."""
    with _walking(model, known) as passages:
        subject.output(model, subject.inputs(1))
    return passages


@contextmanager
def _walking(model: nn.Module, known: list[Named]) -> Iterator[dict[str, Passage]]:
    """Within, a forward pass leaves the passages through the layers behind. What goes on from a layer is what goes
    into the next one; from the last, what goes into the next module, where that is seen whole."""
    passages: dict[str, Passage] = {}
    paths = {id(layer): path for path, layer in known}
    inside = {id(part) for _, layer in known for part in layer.modules()}
    holders = {id(module) for module in model.modules() if any(id(layer) in paths for layer in module.modules())}
    open_passage: list[Passage] = []

    def go_on(_: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        x = first_tensor((*given, *named.values()))
        if open_passage and x is not None and x.shape == open_passage[-1].returned.shape:
            open_passage.pop().after = x.detach()

    def leave(layer: nn.Module, given: tuple[Any, ...], named: dict[str, Any], result: Any) -> None:
        before = first_tensor((*given, *named.values()))
        returned = _stream_of(result, before)
        if before is None or returned is None:
            return
        arguments = [x * LARGE if x is before else x for x in given]
        others = {name: x * LARGE if x is before else x for name, x in named.items()}
        of_large = _stream_of(layer.forward(*arguments, **others), before)
        assert of_large is not None  # as it was returned
        passage = Passage(layer, before.detach(), returned.detach(), of_large.detach(), returned.detach())
        passages[paths[id(layer)]] = passage
        open_passage[:] = [passage]

    outside = [module for module in model.modules() if id(module) not in inside | holders]
    hooks = [part.register_forward_pre_hook(go_on, with_kwargs=True) for part in (*(m for _, m in known), *outside)]
    hooks += [layer.register_forward_hook(leave, with_kwargs=True) for _, layer in known]
    try:
        yield passages
    finally:
        for hook in hooks:
            hook.remove()


def _stream_of(result: object, before: Tensor | None) -> Tensor | None:
    """The stream in a layer's result: its only tensor that has the shape of what went in."""
    parts = result if isinstance(result, tuple | list) else (result,)
    found = [part for part in parts if isinstance(part, Tensor) and before is not None and part.shape == before.shape]
    return found[0] if len(found) == 1 and found[0].is_floating_point() else None


def _returned_inputs(subject: Subject, model: nn.Module) -> list[Named]:
    """Branches that are added to the stream and whose output holds their input once, beyond chance."""
    owners, listened = layers(model), branches(model)
    with listening([*owners, *listened]) as heard:
        subject.output(model, subject.inputs(1))
    found = []
    for path, owner in owners:
        mine = [named for named in listened if named[0].startswith(f"{path}.") and _keeps_shape(heard[named[0]])]
        added = mine if isinstance(owner, BlockModule) else _added(heard[path], mine, heard)
        found += [named for named in added if _holds_input(heard[named[0]]) and not _by_its_formula(named[1])]
    return found


def _keeps_shape(at: Heard) -> bool:
    return at.output is not None and bool(at.inputs) and at.output.shape == at.inputs[0].shape


def _added(layer: Heard, parts: list[Named], heard: Mapping[str, Heard]) -> list[Named]:
    """The parts that a layer adds to its input, once each, and nothing else."""
    outputs = [output for path, _ in parts if (output := heard[path].output) is not None]
    if not _keeps_shape(layer) or layer.output is None or any(x.shape != layer.output.shape for x in outputs):
        return []
    for used in range(min(len(parts), MOST_ADDED), 0, -1):  # the last ones: those before may feed them
        counts = _sum_of(layer.output - layer.inputs[0], tuple(outputs[-used:]))
        if counts is not None and all(abs(count - 1) < 1e-3 for count in counts):
            return parts[-used:]
    return []


def _holds_input(at: Heard) -> bool:
    x, y = at.inputs[0], at.output
    assert y is not None  # _keeps_shape
    return _holds(x, y) and _holds(_from_its_mean(x), _from_its_mean(y))


def _holds(x: Tensor, y: Tensor) -> bool:
    return abs(_share(x, y) - 1) < 0.25 and _cosine(x, y) > 0.4 and _every_feature(x, y)


def _from_its_mean(x: Tensor) -> Tensor:
    """Without what all positions share, in which the two may agree by chance: a young model has little else."""
    flat = x.flatten(0, -2)
    return flat - flat.mean(0)


def _by_its_formula(branch: nn.Module) -> bool:
    """Whether a mixer says that its formula adds the input (seqlab.mixers)."""
    return bool(getattr(branch, "holds_input", False))


def _every_feature(x: Tensor, y: Tensor) -> bool:
    """Whether nearly every feature of the output holds its own input about once: chance does that to some only."""
    flat_x, flat_y = x.flatten(0, -2), y.flatten(0, -2)
    shares = (flat_x * flat_y).sum(0) / (flat_x * flat_x).sum(0).clamp(min=1e-300)
    return bool(((shares.double() - 1).abs() < 0.6).double().mean() > 0.9)
