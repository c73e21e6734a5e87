"""Do norms and channel mixers act on each position by itself? A norm over length and features sees the future."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

import torch
from torch import Tensor, nn

from seqlab.audits import Audit, Finding, failed, not_applicable, passed
from seqlab.audits.shared.subject import Subject, moved
from seqlab.channels import ChannelMixer
from seqlab.models import BlockModule
from seqlab.models.shared.layers import Named, is_norm, listening, titled

__all__ = ["PositionWise"]

LIKE_ONE = re.compile(r"norm|^(channel|mlp|ffn|feed_?forward)$", re.IGNORECASE)
MEANT_TO_MIX = (nn.GroupNorm, nn.modules.instancenorm._InstanceNorm)
"""Norms of channels-first arrays, whose statistics run over positions by definition."""


class PositionWise(Audit):
    """What a norm or a channel mixer makes of one position may not depend on another position, in evaluation mode."""

    depends_on: ClassVar[tuple[str, ...]] = ("model",)
    is_of_structure: ClassVar[bool] = True

    def examine(self, subject: Subject) -> Finding:
        model = subject.awake
        listened = list(_wise(model))
        with listening(listened) as heard:
            subject.output(model, subject.inputs(1))
        moves = {
            named[0]: _mixed(subject, named[1], heard[named[0]].inputs[0])
            for named in listened
            if len(heard[named[0]].inputs) == 1 and _time(heard[named[0]].inputs[0], subject) is not None
        }
        if not moves:
            return not_applicable("the model has no norm and no channel mixer over positions")
        worst = max(moves, key=lambda path: moves[path])
        measured = {"moved": moves[worst], "limit": subject.tolerance, "modules": len(moves)}
        if moves[worst] > subject.tolerance:
            named = next(named for named in listened if named[0] == worst)
            return failed(
                f"{titled(named, model)}: {type(named[1]).__name__} at `{worst}` mixes positions: changing one half "
                f"of its positions moves the outputs of the other by {moves[worst]:.1e} of their size; one norm over "
                "length and features together does that.",
                **measured,
            )
        return passed("norms and channel mixers see one position at a time", **measured)


def _wise(model: nn.Module) -> Iterator[Named]:
    """The modules that must act on each position by itself: norms and channel mixers, by their class, by their place
    in a block, or by their name."""
    in_blocks = {id(block.mixer) for block in model.modules() if isinstance(block, BlockModule)}
    for path, module in model.named_modules():
        owner, _, name = path.rpartition(".")
        in_block = isinstance(model.get_submodule(owner), BlockModule) if path else False
        is_wise = isinstance(module, ChannelMixer) or is_norm(module) or bool(LIKE_ONE.search(name)) or in_block
        if path and is_wise and id(module) not in in_blocks and not isinstance(module, MEANT_TO_MIX):
            yield path, module


def _time(x: Tensor, subject: Subject) -> int | None:
    """The axis of positions: the only one, but for the last, that is as long as the input."""
    axes = [axis for axis in range(1, x.ndim - 1) if x.shape[axis] == subject.length]
    return axes[0] if len(axes) == 1 and x.is_floating_point() and subject.length > 1 else None


def _mixed(subject: Subject, module: nn.Module, x: Tensor) -> float:
    """How far one half of the positions moves when the other half changes, the worse of both ways."""
    axis = _time(x, subject)
    assert axis is not None  # examine
    half = x.shape[axis] // 2
    halves = (0, half), (half, x.shape[axis] - half)
    before, worst = _output(subject, module, x), 0.0
    if before.shape[: axis + 1] != x.shape[: axis + 1]:
        return 0.0  # it makes something else of the positions, and is no norm of them
    for own, other in (halves, halves[::-1]):
        changed = x.clone()
        changed.narrow(axis, *other).copy_(2 * x.narrow(axis, *other).flip(-1) + 1)
        after = _output(subject, module, changed)
        worst = max(worst, moved(before.narrow(axis, *own), after.narrow(axis, *own)))
    return worst


def _output(subject: Subject, module: nn.Module, x: Tensor) -> Tensor:
    if next(module.parameters(), None) is not None:
        return subject.output(module, (x,))
    with torch.no_grad():
        found: Tensor = module(x)
    return found
