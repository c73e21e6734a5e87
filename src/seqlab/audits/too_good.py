"""Is the result better than it can be? A perplexity of 1.006 on real text was a model that saw the future."""

from __future__ import annotations

from typing import ClassVar

from seqlab.audits import Audit, Finding, Stage, not_applicable, passed, warned
from seqlab.audits.shared.results import result
from seqlab.audits.shared.subject import Subject
from seqlab.spec import Field

__all__ = ["TooGood"]


class TooGood(Audit):
    """A held-out result far beyond the best floor, or one that is much better than training, is most often a leak."""

    stages: ClassVar[tuple[Stage, ...]] = ("trained",)
    share: float = Field(default=0.35, gt=0, lt=1)
    """A loss, or a share of errors, below this share of the best floor's is implausible."""
    below_training: float = Field(default=0.7, gt=0, lt=1)
    """A held-out loss below this share of the training loss is implausible."""

    def examine(self, subject: Subject) -> Finding:
        found = result(subject)
        if found is None:
            return not_applicable("there is no held-out result, or the task knows no floor")
        best_name, best = found.floors[-1]
        mine, limit = found.errors(found.value), self.share * found.errors(best)
        measured = {found.metric: found.value, "limit": limit, "best_floor": best}
        advice = "look at `causality`, `target_alignment` and `overlap`, and at `random_tokens` (`--all`)"
        if mine < limit:
            return warned(
                f"{found.metric} {found.value:.4g} is implausibly good beside {best_name} ({best:.4g}): the model may "
                f"see its answers; {advice}.",
                **measured,
            )
        training = found.training
        if training is not None and found.metric.endswith("loss") and found.value < self.below_training * training:
            return warned(
                f"{found.metric} {found.value:.4g} is far below the training loss {training:.4g}: the two do not "
                f"measure the same, or held-out data is easier by a leak; {advice}.",
                **measured,
                training=training,
            )
        return passed(f"{found.metric} {found.value:.4g} is within what can be", **measured)
