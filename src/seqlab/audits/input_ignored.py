"""Does what comes out depend on what went in? A scan that returns its decays looks like a layer and is none."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from seqlab.audits import Audit, Finding, failed, passed
from seqlab.audits.shared.subject import Subject, moved
from seqlab.models.shared.layers import Named, branches, layers, listening, titled
from seqlab.spec import Field

__all__ = ["InputIgnored"]


class InputIgnored(Audit):
    """Every branch of every layer, and the model, must give another output for another input."""

    depends_on: ClassVar[tuple[str, ...]] = ("model",)
    least: float = Field(default=1e-7, gt=0)
    """The change of an output, in units of its largest entry, below which it counts as none."""

    def examine(self, subject: Subject) -> Finding:
        model = subject.awake
        listened = [*layers(model), *branches(model)]
        inputs = subject.inputs(1)
        with subject.drawing("input_ignored"):
            others = subject.disturbed(inputs, 0)
        heard: list[dict[str, tuple[Tensor, Tensor]]] = []
        outputs = []
        for given in (inputs, others):
            with listening(listened) as found:
                outputs.append(subject.output(model, given))
            heard.append(
                {path: (at.inputs[0], at.output) for path, at in found.items() if at.inputs and at.output is not None}
            )
        whole = moved(*outputs)
        if whole <= self.least:
            return failed(
                "the model ignores its input: another input gives the same output; a head or an embedding that is not "
                "used, or an output that is overwritten, does that.",
                moved=whole,
                limit=self.least,
            )
        moves = {path: _response(heard[0][path], heard[1][path]) for path in heard[0] if path in heard[1]}
        deaf = [named for named in listened if moves.get(named[0], 1.0) <= self.least]
        if deaf:
            return failed(
                f"{_names(deaf, subject)} gives the same output whatever comes in: the layer does nothing with its "
                "input; a scan that returns its decays and not its state, or the wrong half of a pair, does that.",
                moved=min(moves.values()),
                limit=self.least,
            )
        least = min(moves.values(), default=whole)
        return passed("every layer answers to its input", moved=least, limit=self.least, branches=len(moves))


def _response(before: tuple[Tensor, Tensor], after: tuple[Tensor, Tensor]) -> float:
    """How far an output moved; a branch whose own input did not move cannot answer and counts as 1."""
    if before[0].shape != after[0].shape or moved(before[0], after[0]) <= 1e-6:
        return 1.0
    return moved(before[1], after[1])


def _names(deaf: list[Named], subject: Subject) -> str:
    return ", ".join(dict.fromkeys(f"{titled(named, subject.awake)} at `{named[0]}`" for named in deaf))
