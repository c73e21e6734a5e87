"""Are the targets the next symbols of the same rows? The inputs themselves, or another row's, look like progress."""

from __future__ import annotations

from typing import ClassVar

from seqlab.audits import Audit, Finding, failed, not_applicable, passed
from seqlab.audits.shared.asked import asked, is_askable
from seqlab.audits.shared.stubs import SURE, Copier, Peeker, Stub
from seqlab.audits.shared.subject import Subject
from seqlab.spec import Field

__all__ = ["TargetAlignment"]


class TargetAlignment(Audit):
    """Of models that are sure of a symbol of the input, the task's loss must prefer the one that names the next symbol.

    Asked through the task's loss alone: the next symbol, the same one, one further on or back, another row's.
    """

    depends_on: ClassVar[tuple[str, ...]] = ("task",)
    share: float = Field(default=0.5, gt=0, lt=1)
    """Share of the targets that a model must name for its relation to be the task's."""

    def examine(self, subject: Subject) -> Finding:
        if not is_askable(subject):
            return not_applicable("the task does not ask for the next of a moderate number of symbols")
        vocabulary = subject.task.signature.vocabulary
        known: dict[str, Stub] = {
            "the next symbols": Peeker(vocabulary),
            "the inputs themselves": Copier(vocabulary),
            "the symbols after the next": Peeker(vocabulary, 2),
            "the symbols before": Peeker(vocabulary, -1),
            "the inputs of the next row (the batch axis was sliced in place of the time axis)": Peeker(
                vocabulary, 0, 1
            ),
            "the inputs of the row before (the batch axis was sliced in place of the time axis)": Peeker(
                vocabulary, 0, -1
            ),
            "the next symbols of another row": Peeker(vocabulary, 1, 1),
        }
        right = {told: 1 - asked(subject, stub) / SURE for told, stub in known.items()}
        best = max(right, key=lambda told: right[told])
        measured = {"right": right["the next symbols"], "limit": self.share, "best": right[best]}
        clearly = 1 - right[best] < 0.5 * (1 - right["the next symbols"])
        if best != "the next symbols" and right[best] > self.share and clearly:
            return failed(
                f"the targets are {best} and not the next symbols: a model that names those is right at "
                f"{right[best]:.0%} of the positions, one that names the next symbols at "
                f"{max(right['the next symbols'], 0):.0%}.",
                **measured,
            )
        if right["the next symbols"] <= self.share:
            return not_applicable("the targets are no symbols of the input, so their place cannot be told from it")
        return passed("the targets are the next symbols of the same rows", **measured)
