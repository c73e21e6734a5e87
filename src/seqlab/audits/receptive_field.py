"""How far back does each layer look? Decays that were inverted leave a recurrence without a memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from seqlab.audits import Audit, Finding, Stage, failed, not_applicable, passed, warned
from seqlab.audits.shared.subject import Subject
from seqlab.models.shared.influence import Look, influence, look_of
from seqlab.models.shared.layers import Named, first_tensor, layers, listening, mixers, titled
from seqlab.spec import Field

__all__ = ["ReceptiveField"]

WAY_OUT = "where that is meant, the module says so with an attribute `reach`, the positions that it sees"
Verdict = Callable[..., Finding]


class ReceptiveField(Audit):
    """The positions that hold nearly all influence on an output, by gradients, for every mixer (every layer, where a
    model has none) and for the model.

    A module that limits its reach by design (`reach`, such as a window) is left out. The influence of a position is
    the norm of the gradient there, for random sums of the outputs at four positions; the farthest look counts. The
    own position is not weighed: residual connections lead there past every memory.
    """

    stages: ClassVar[tuple[Stage, ...]] = ("before",)
    depends_on: ClassVar[tuple[str, ...]] = ("model",)
    is_of_structure: ClassVar[bool] = True
    share: float = Field(default=0.9, gt=0, lt=1)
    """Share of the influence of other positions that the positions counted must hold."""
    least: int = Field(default=2, ge=1)
    """What looks at no more positions than this, its own included, has no memory worth the name."""
    shortest: int = Field(default=8, ge=4)
    """Inputs shorter than this cannot tell."""

    def examine(self, subject: Subject) -> Finding:
        if subject.length < self.shortest or subject.inputs(1)[0].ndim < 2:
            return not_applicable("the inputs are too short to tell")
        model = subject.awake
        known = mixers(model)
        looks = self._looks(subject, known or layers(model), ("", model))
        if not looks:
            return not_applicable("no part of the model works on positions, or each limits its reach by design")
        titles = {named[0]: titled(named, model) for named in known or layers(model)} | {"": "the model"}
        measured = {titles[path]: look.reach for path, look in looks.items()}
        measured |= {"limit": self.least, "length": subject.length}
        judged = {path: look for path, look in looks.items() if self._is_judged(path, looks, bool(known))}
        for judge, told, found in self._short(judged, subject.length):
            if found:
                names = ", ".join(titles[path] for path in found)
                return judge(f"{names}: {told}; {WAY_OUT}.", **measured)
        return passed("every layer looks back", **measured)

    def _is_judged(self, path: str, looks: Mapping[str, Look], has_mixers: bool) -> bool:
        """Whether a look must be long: that of every mixer, and the model's where no part of it looks back. A layer of
        a model without mixers may see its own position only, or be a short convolution."""
        if path:
            return has_mixers or looks[path].farthest > self.least + 1
        parts = [look for part, look in looks.items() if part]
        if looks[path].farthest == 1:
            return bool(parts)  # without parts it may be a table of what follows each symbol
        return all(look.reach <= self.least + 1 for look in parts)

    def _short(self, looks: Mapping[str, Look], length: int) -> list[tuple[Verdict, str, list[str]]]:
        """What is to be said of looks that are too short, the worst first, and of which."""
        alone = [path for path, look in looks.items() if look.farthest == 1]
        fading = [path for path, look in looks.items() if look.reach <= self.least < look.farthest]
        near = [path for path, look in looks.items() if look.reach <= self.least + 1]
        fades = (
            f"{self.share:.0%} of what other positions add to an output comes from the last {{}} of {length}, its own "
            "included; decays that are inverted (1 - a in place of a) leave a mixer without memory"
        )
        reach = max((looks[path].reach for path in fading or near), default=0)
        return [
            (failed, "no other position than its own reaches an output: nothing mixes along the sequence", alone),
            (failed, fades.format(reach), fading),
            (warned, fades.format(reach), near),
        ]

    def _looks(self, subject: Subject, parts: Sequence[Named], whole: Named) -> dict[str, Look]:
        """How far back each part looks and, by "", the model, those left out that limit their reach by design."""
        free = [named for named in parts if getattr(named[1], "reach", None) is None]
        begin, found = _begin(whole[1]), {}
        with subject.drawing("receptive_field"), torch.enable_grad(), listening([*parts, *begin]) as heard:
            output = first_tensor(subject.awake(*subject.cast(subject.inputs(1))))
        for path, _ in free:
            if look := self._look(subject, heard[path].output, next(iter(heard[path].inputs), None)):
                found[path] = look
        by_design = getattr(whole[1], "reach", None) is not None or (parts and not free)
        sources = [
            heard[path].output if isinstance(module, nn.Embedding) else next(iter(heard[path].inputs), None)
            for path, module in begin
        ]
        looks = [] if by_design else [look for x in sources if (look := self._look(subject, output, x))]
        return found | ({"": looks[0]} if looks else {})

    def _look(self, subject: Subject, output: Tensor | None, source: Tensor | None) -> Look | None:
        """The farthest look of four outputs; None where there are no positions to look at."""
        length = subject.length
        if output is None or source is None or not (output.requires_grad and source.requires_grad):
            return None
        if any(x.ndim != 3 or x.shape[1] != length for x in (output, source)):
            return None
        places = sorted({length - 1, length // 2, 2 * length // 3, 5 * length // 6})
        with subject.drawing("receptive_field", 1):
            influences = [(influence(output, source, place), place) for place in places]
        looks = [look_of(found, place, self.share) for found, place in influences]
        return max(looks, key=lambda look: (look.reach, look.farthest))


def _begin(model: nn.Module) -> list[Named]:
    """The modules at which the stream may begin: the first layer, which it enters, and embeddings, which it leaves."""
    return layers(model)[:1] + [named for named in model.named_modules() if isinstance(named[1], nn.Embedding)]
