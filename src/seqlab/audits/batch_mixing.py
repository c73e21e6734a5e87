"""Do the rows of a batch influence each other? A wrong axis anywhere makes them."""

from __future__ import annotations

import copy
from typing import ClassVar

from torch import Tensor, nn

from seqlab.audits import Audit, Finding, failed, not_applicable, passed
from seqlab.audits.shared.first_moved import first_moved
from seqlab.audits.shared.subject import Subject, moved
from seqlab.models.shared.layers import has_batch_statistics

__all__ = ["BatchMixing"]

ROWS = 5
"""Rows that are looked at together, where a batch of the experiment has as many: some faults need more than two."""


class BatchMixing(Audit):
    """No output of one row may change when another row changes, in evaluation mode, and in training mode where no
    batch norm is meant to mix rows."""

    depends_on: ClassVar[tuple[str, ...]] = ("model", "batch")
    is_of_structure: ClassVar[bool] = True

    def examine(self, subject: Subject) -> Finding:
        inputs = subject.inputs(max(2, min(ROWS, subject.experiment.batch.size)))
        rows = len(inputs[0])
        if rows < 2:
            return not_applicable("the held-out data fills no second row")
        mixes = has_batch_statistics(subject.awake)
        modes = ("evaluation",) if mixes else ("evaluation", "training")
        moves: dict[str, float] = {}
        for mode in modes:
            move, where = _moved_by_another_row(subject, inputs, trains=mode == "training")
            moves[mode] = move
            if move > subject.tolerance:
                return failed(
                    f"rows mix in {mode} mode: changing one row of the batch moves the outputs of another by "
                    f"{move:.1e} of their size; it begins in {where}; a batch axis that is sliced or normalised in "
                    "place of the time axis does that.",
                    **moves,
                    limit=subject.tolerance,
                )
        but = "; in training its batch norm mixes rows, as it is meant to" if mixes else ""
        return passed(f"no row moves when another one changes{but}", **moves, limit=subject.tolerance, rows=rows)


def _moved_by_another_row(subject: Subject, inputs: tuple[Tensor, ...], *, trains: bool) -> tuple[float, str]:
    """How far rows move when the first, or the last, of the batch changes, the worse of both, and where that begins."""

    def model() -> nn.Module:  # a new one for each pass in training mode, which may change what a model remembers
        return copy.deepcopy(subject.awake).train() if trains else subject.awake

    first, *rest = inputs
    last = len(first) - 1
    before = subject.output(model(), inputs)
    worst = (0.0, "")
    for row, others in ((0, slice(1, None)), (last, slice(0, last))):
        changed = first.clone()
        with subject.drawing("batch_mixing", row):
            changed[row] = subject.disturbed((first[row : row + 1],), 0)[0][0]
        move = moved(before[others], subject.output(model(), (changed, *rest))[others])
        if move > max(worst[0], subject.tolerance):
            worst = (move, first_moved(subject, model(), inputs, (changed, *rest), others))
        worst = max(worst, (move, worst[1]))
    return worst
