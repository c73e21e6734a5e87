"""Do the rows of a batch influence each other? A wrong axis anywhere makes them."""

from __future__ import annotations

import copy
from typing import ClassVar

from torch import nn

from seqlab.audits import Audit, Finding, failed, not_applicable, passed
from seqlab.audits.shared.layers import first_moved, has_batch_statistics
from seqlab.audits.shared.subject import Subject, moved

__all__ = ["BatchMixing"]


class BatchMixing(Audit):
    """No output of one row may change when another row changes, in evaluation mode, and in training mode where no
    batch norm is meant to mix rows."""

    depends_on: ClassVar[tuple[str, ...]] = ("model",)

    def examine(self, subject: Subject) -> Finding:
        inputs = subject.inputs(2)
        if len(inputs[0]) < 2:
            return not_applicable("the held-out data fills no second row")
        mixes = has_batch_statistics(subject.awake)
        modes = ("evaluation",) if mixes else ("evaluation", "training")
        moves: dict[str, float] = {}
        for mode in modes:
            move, where = _moved_by_the_other_row(subject, trains=mode == "training")
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
        return passed(f"no row moves when another one changes{but}", **moves, limit=subject.tolerance)


def _moved_by_the_other_row(subject: Subject, *, trains: bool) -> tuple[float, str]:
    """How far one of two rows moves when the other changes, the worse of both ways, and where that begins."""

    def model() -> nn.Module:  # a new one for each pass in training mode, which may change what a model remembers
        return copy.deepcopy(subject.awake).train() if trains else subject.awake

    first, *rest = subject.inputs(2)
    worst = (0.0, "")
    for row in (0, 1):
        changed = first.clone()
        with subject.drawing("batch_mixing", row):
            changed[row] = subject.disturbed((first[row : row + 1],), 0)[0][0]
        other = slice(1 - row, 2 - row)
        before, after = (first, *rest), (changed, *rest)
        move = moved(*(subject.output(model(), given)[other] for given in (before, after)))
        if move > max(worst[0], subject.tolerance):
            worst = (move, first_moved(subject, model(), before, after, other))
        worst = max(worst, (move, worst[1]))
    return worst
