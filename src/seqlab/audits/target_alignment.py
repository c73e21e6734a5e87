"""Are the targets what comes next? Targets that are the inputs, or of another row, teach nothing."""

from __future__ import annotations

from typing import ClassVar

from seqlab.audits import Audit, Finding, failed, not_applicable, passed, warned
from seqlab.audits.shared.scoring import Scoring, scoring
from seqlab.audits.shared.stubs import Peeker, Wrapper
from seqlab.audits.shared.subject import Subject
from seqlab.spec import Field

__all__ = ["TargetAlignment"]

MISTAKES = {
    (0, 0): "the targets are the inputs themselves: nobody shifted them by one",
    (2, 0): "the targets are shifted by two: both the data and the loss shift them",
    (-1, 0): "the targets are the symbols before: they are shifted backwards",
    (3, 0): "the targets are shifted by three",
    (-2, 0): "the targets are shifted backwards by two",
    (0, 1): "the targets are the next row's inputs: the batch axis was sliced instead of the time axis",
    (0, -1): "the targets are the previous row's inputs: the batch axis was sliced instead of the time axis",
    (1, 1): "the targets belong to the next row: inputs and targets are paired wrongly",
    (1, -1): "the targets belong to the previous row: inputs and targets are paired wrongly",
}
"""(positions ahead, rows on) of the input symbol that is the target, and how that comes about."""


WRAPS = 8
"""In shorter rows the last symbol may well be the first one again."""


class TargetAlignment(Audit):
    """The target at each position is the next position's input.

    The training loss of models that are sure of one input symbol tells which one the targets are: the next one's loss
    is nearly zero, the others' are large. Targets that stand nowhere in the inputs (recall) are not judged.
    """

    depends_on: ClassVar[tuple[str, ...]] = ("task", "model")
    is_of_structure: ClassVar[bool] = True

    least_right: float = Field(default=0.8, gt=0, le=1)
    """Share of the targets that the next symbol must be, of those that a row can tell."""

    def examine(self, subject: Subject) -> Finding:
        if not subject.task.forward_only:
            return not_applicable("the task does not ask for what comes next")
        asked = scoring(subject)
        if not asked.predicts_symbols:
            return not_applicable("the model does not give a logit for each symbol")
        if asked.why_not:
            return not_applicable(asked.why_not)
        return self._judged(asked)

    def _judged(self, asked: Scoring) -> Finding:
        stub = asked.uniform()
        uniform = asked.trained_on(stub)["loss"]
        if uniform <= 0:
            return failed(
                "the training loss of equal probabilities is not above zero: it scores nothing.", loss=uniform
            )
        rows, length = stub.shown[0].shape[:2]
        if length < 2:
            return not_applicable("rows of one symbol show nothing of what comes next")

        def right(ahead: int, on: int) -> float:
            return asked.right(asked.trained_on(Peeker(asked.classes, ahead, on))["loss"], uniform)

        limit = self.least_right * (length - 1) / length
        found = right(1, 0)
        if found >= limit:
            wrapped = asked.right(asked.trained_on(Wrapper(asked.classes))["loss"], uniform)
            if length >= WRAPS and wrapped >= 1 - 0.1 / length:
                return warned(
                    "the last target of every row is the row's first symbol: the targets are rolled and not shifted, "
                    "or the rows go round.",
                    wrapped_right=wrapped,
                    limit=1 - 0.1 / length,
                )
            return passed("the targets are what comes next", next_right=found, limit=limit)
        shares = {shift: right(*shift) for shift in MISTAKES if rows > 1 or not shift[1]}
        best = max(shares, key=lambda shift: shares[shift])
        measured = {
            "next_right": found,
            "limit": limit,
            "other_right": shares[best],
            "ahead": best[0],
            "rows_on": best[1],
        }
        reach = (length - abs(best[0])) / length * ((rows - abs(best[1])) / rows if best[1] else 1.0)
        if shares[best] >= self.least_right * reach:
            return failed(f"{MISTAKES[best]}; {found:.0%} of them are what comes next.", **measured)
        if asked.batch.scored >= 0.9 * rows * length:
            return failed(
                f"only {found:.0%} of the targets are what comes next, though every position is scored: inputs and "
                "targets are cut from different places.",
                **measured,
            )
        return passed("the answers that are scored do not stand in the inputs: there is no shift to check", **measured)
