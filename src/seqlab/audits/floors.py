"""Did the run learn anything? Its result beside what trivial models reach."""

from __future__ import annotations

from typing import ClassVar

from seqlab.audits import Audit, Finding, Stage, not_applicable, passed, warned
from seqlab.audits.shared.results import floors_of, held_out, steps_told
from seqlab.audits.shared.subject import Subject
from seqlab.journal.digest import higher_is_better
from seqlab.spec import Field

__all__ = ["Floors"]

METRICS = ("loss", "accuracy")
"""The metrics that are judged, where floors know them."""
CHANCE = ("uniform", "chance")
TRIVIAL = ("unigram", "bigram", "majority", "constant", "mean", "mean_image", "black_image", "last")
"""Floors that look at no more than one symbol of the input. All others are plain baselines."""


class Floors(Audit):
    """The held-out result is better than every floor of the task: chance, trivial models, the plain baseline."""

    stages: ClassVar[tuple[Stage, ...]] = ("trained",)

    margin: float = Field(default=0.01, ge=0, lt=1)
    """A result within this share of a trivial floor counts as at it."""

    def examine(self, subject: Subject) -> Finding:
        reached = held_out(subject)
        judged = [metric for metric in METRICS if metric in reached and floors_of(subject, metric)]
        if not judged:
            return not_applicable("the record has no held-out result with floors beside it")
        measured: dict[str, float] = {}
        worst: tuple[int, str, str, float] | None = None
        for metric in judged:
            measured[metric] = reached[metric]
            for floor, value in floors_of(subject, metric).items():
                measured[f"{metric}_{floor}"] = value
                rank = _rank(floor)
                if not self._is_beaten(metric, reached[metric], value, rank) and (worst is None or rank < worst[0]):
                    worst = (rank, metric, floor, value)
        if worst is None:
            return passed("the held-out result is better than every floor", **measured)
        rank, metric, floor, value = worst
        return warned(
            f"{metric} {reached[metric]:.4g} is no better than {floor} ({value:.4g}): the model {_SAID[rank]}"
            f"{steps_told(subject)}.",
            **{metric: reached[metric], "limit": value} | measured,
        )

    def _is_beaten(self, metric: str, reached: float, floor: float, rank: int) -> bool:
        margin = self.margin * abs(floor) if rank < 2 else 0.0
        return reached > floor + margin if higher_is_better(metric) else reached < floor - margin


_SAID = (
    "is at chance, so it has learned nothing",
    "is at a trivial floor, so it uses nothing of what it reads",
    "is below the plain baseline, which needs no training",
)


def _rank(floor: str) -> int:
    return 0 if floor in CHANCE else 1 if floor in TRIVIAL else 2
