"""Is there one best checkpoint? Loss and accuracy may disagree: the model grows surer faster than it grows better."""

from __future__ import annotations

from typing import ClassVar

from seqlab.audits import Audit, Finding, Stage, not_applicable, passed, warned
from seqlab.audits.shared.subject import Subject
from seqlab.journal.parting import WORSE_ACCURACY, WORSE_LOSS, noise, parting, points
from seqlab.spec import Field

__all__ = ["BestCheckpoint"]

PHASES = ("val_subset", "val")


class BestCheckpoint(Audit):
    """The best step by held-out loss is about as good by accuracy, and the other way round."""

    stages: ClassVar[tuple[Stage, ...]] = ("trained",)

    worse_accuracy: float = Field(default=WORSE_ACCURACY, gt=0)
    """Accuracy that the step of the best loss may lack, beside two standard errors."""
    worse_loss: float = Field(default=WORSE_LOSS, gt=0)
    """Share by which the loss at the step of the best accuracy may be above the best."""

    def examine(self, subject: Subject) -> Finding:
        if subject.task.stages > 1:
            return not_applicable("the tasks of a stream do not share a score")
        run = subject.run
        found = (
            next((found for phase in PHASES if (found := points(run.metrics, phase))), []) if run is not None else []
        )
        if run is None or len(found) < 3:
            return not_applicable("the record has no three evaluations with loss and accuracy")
        parted = parting(found)
        scored = run.metrics.last.get("val_subset/symbols")
        limit = max(self.worse_accuracy, noise(parted.by_accuracy.accuracy, scored))
        measured = {
            "accuracy_lacking": parted.lacking,
            "limit": limit,
            "loss_above": parted.above,
            "best_loss_at": parted.by_loss.step,
            "best_accuracy_at": parted.by_accuracy.step,
        }
        if parted.matters(limit, self.worse_loss):
            return warned(f"{parted}; the model grows too sure of its errors, so say by which you choose.", **measured)
        return passed("loss and accuracy agree about the best checkpoint", **measured)
