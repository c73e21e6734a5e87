"""Do two metrics agree on the best checkpoint? Loss and accuracy drift apart, and one of them chooses."""

from __future__ import annotations

from typing import ClassVar

from seqlab.audits import Audit, Finding, Stage, not_applicable, passed, warned
from seqlab.audits.shared.subject import Subject
from seqlab.journal import Run
from seqlab.journal.digest import higher_is_better
from seqlab.spec import Field

__all__ = ["BestCheckpoint"]


class BestCheckpoint(Audit):
    """Where the best evaluation by loss is not the best by accuracy, each must be nearly as good by the other."""

    stages: ClassVar[tuple[Stage, ...]] = ("trained",)
    share: float = Field(default=0.02, gt=0)
    """How much worse, as a share, a metric may be at the other's best evaluation."""

    def examine(self, subject: Subject) -> Finding:
        if subject.run is None:
            return not_applicable("there is no record")
        for first, second in (("val_subset/loss", "val_subset/accuracy"), ("val/loss", "val/accuracy")):
            finding = self._compared(subject.run, first, second)
            if finding is not None:
                return finding
        return not_applicable("there are no evaluations with a loss and an accuracy to compare")

    def _compared(self, run: Run, first: str, second: str) -> Finding | None:
        curves = {name: dict(zip(*run.metrics.curve(name), strict=True)) for name in (first, second)}
        common = sorted(curves[first].keys() & curves[second].keys())
        if len(common) < 2:
            return None
        best = {name: _best(name, {step: curves[name][step] for step in common}) for name in (first, second)}
        worse = {
            name: _lost(name, curves[name][best[name]], curves[name][best[other]])
            for name, other in ((first, second), (second, first))
        }
        measured = {"worse": max(worse.values()), "limit": self.share, **{name: best[name] for name in best}}
        if best[first] != best[second] and max(worse.values()) > self.share:
            name = max(worse, key=lambda metric: worse[metric])
            other = second if name == first else first
            return warned(
                f"{first} is best at step {best[first]:,} and {second} at step {best[second]:,}, where {name} is "
                f"{worse[name]:.1%} worse than its best: say which of the two chooses, and report both; {other} kept "
                "improving while the other did not.",
                **measured,
            )
        return passed("loss and accuracy agree on the best evaluation", **measured)


def _best(name: str, curve: dict[int, float]) -> int:
    chosen = max if higher_is_better(name) else min
    return chosen(curve, key=lambda step: curve[step])


def _lost(name: str, best: float, there: float) -> float:
    """How much worse, as a share of the best."""
    return abs(there - best) / abs(best) if best and there != best else 0.0
