"""How far back does each layer look? Decays that were inverted leave a recurrence without a memory."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from seqlab.audits import Audit, Finding, Stage, failed, not_applicable, passed, warned
from seqlab.audits.shared.layers import layers, listening, mixers, titled
from seqlab.audits.shared.subject import Subject
from seqlab.spec import Field

__all__ = ["ReceptiveField"]

NOTHING = 1e-9
"""Share of the influence that counts as none."""


class ReceptiveField(Audit):
    """The positions that hold nearly all influence on an output, by gradients, for every mixer and for the model.

    A mixer that limits its reach by design (`reach`, such as a window) is left out. The influence of a position is
    the norm of the gradient there, for random sums of the outputs at four positions; the farthest look counts.
    """

    stages: ClassVar[tuple[Stage, ...]] = ("before",)
    depends_on: ClassVar[tuple[str, ...]] = ("model",)
    share: float = Field(default=0.99, gt=0, lt=1)
    """Share of the influence that the positions counted must hold."""
    least: int = Field(default=2, ge=1)
    """A mixer that looks at no more positions than this, its own included, has no memory worth the name."""
    shortest: int = Field(default=8, ge=4)
    """Inputs shorter than this cannot tell."""

    def examine(self, subject: Subject) -> Finding:
        if subject.length < self.shortest or subject.inputs(1)[0].ndim < 2:
            return not_applicable("the inputs are too short to tell")
        model = subject.awake
        known = mixers(model)
        looks = _looks(subject, [named for named in known if getattr(named[1], "reach", None) is None], self.share)
        whole, mixes = _whole(subject, self.share)
        measured: dict[str, Any] = {titled(named, model): looks[named[0]] for named in known if named[0] in looks}
        measured |= {"the model": whole} if whole is not None else {}
        measured |= {"limit": self.least, "length": subject.length}
        for limit, judge in ((self.least, failed), (self.least + 1, warned)):
            short = [named for named in known if looks.get(named[0], limit + 1) <= limit]
            if short:
                names = ", ".join(titled(named, model) for named in short)
                return judge(
                    f"{names}: {self.share:.0%} of what reaches an output comes from the last {looks[short[0][0]]} of "
                    f"{subject.length} positions, its own included; decays that are inverted (1 - a in place of a) "
                    "leave a mixer without memory.",
                    **measured,
                )
        if not mixes and not all(getattr(module, "reach", None) for _, module in known):
            return failed("the model sees no other position than the one it predicts from: no layer mixes.", **measured)
        return passed("every layer looks back", **measured)


def _looks(subject: Subject, listened: list[tuple[str, Any]], share: float) -> dict[str, int]:
    """For each mixer, how many positions hold that share of the influence on one output."""
    found: dict[str, int] = {}
    with subject.drawing("receptive_field"), torch.enable_grad(), listening(listened) as heard:
        subject.awake(*(_wide(tensor, subject) for tensor in subject.inputs(1)))
        for path, _ in listened:
            at = heard[path]
            if at.output is None or not at.inputs or not at.inputs[0].requires_grad:
                continue
            found[path] = _farthest(at.output, at.inputs[0], share)
    return found


def _whole(subject: Subject, share: float) -> tuple[int | None, bool]:
    """The same for the whole model, from the first layer's input to the output (None where there are no layers), and
    whether any other position has an influence at all."""
    known = layers(subject.awake)
    with subject.drawing("receptive_field", 1), torch.enable_grad(), listening(known[:1]) as heard:
        output = subject.awake(*(_wide(tensor, subject) for tensor in subject.inputs(1)))
        at = heard[known[0][0]] if known else None
        is_sequence = isinstance(output, Tensor) and output.ndim >= 3 and output.shape[1] == subject.length
        if at is None or not at.inputs or not is_sequence or not at.inputs[0].requires_grad:
            return None, True
        return _farthest(output, at.inputs[0], share), _farthest(output, at.inputs[0], 1 - NOTHING) > 1


def _wide(tensor: Tensor, subject: Subject) -> Tensor:
    return tensor.to(next(subject.awake.parameters()).dtype) if tensor.is_floating_point() else tensor


def _farthest(output: Tensor, source: Tensor, share: float) -> int:
    """The most positions, over four outputs, that hold that share of the influence."""
    length = output.shape[1]
    if source.ndim < 3 or source.shape[1] != length:
        return length
    places = sorted({length - 1, length // 2, 2 * length // 3, 5 * length // 6})
    return max(_held(_influence(output, source, place), place, share) for place in places)


def _influence(output: Tensor, source: Tensor, place: int) -> Tensor:
    """(L,) norms of the gradient of a random sum of the outputs at one position."""
    weights = torch.randn_like(output[:, place])
    found: tuple[Tensor | None, ...] = torch.autograd.grad(
        (output[:, place] * weights).sum(), source, retain_graph=True, allow_unused=True
    )
    gradient = found[0]
    if gradient is None:
        return torch.zeros(source.shape[1], dtype=source.dtype, device=source.device)
    norms: Tensor = gradient.norm(dim=-1).sum(0)
    return norms


def _held(influence: Tensor, place: int, share: float) -> int:
    """The distance, the own position counted as 1, within which that share of the influence lies."""
    total = influence.sum()
    if total == 0:
        return 0
    distance = (torch.arange(len(influence), device=influence.device) - place).abs()
    within = torch.zeros(len(influence), dtype=influence.dtype, device=influence.device)
    held = within.index_add(0, distance, influence).cumsum(0) / total
    return int((held < share).sum()) + 1
