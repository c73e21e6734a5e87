"""Runs that are compared as one: those of one setting over its seeds, or a single run; their mean at equal places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from seqlab.differences import differences
from seqlab.journal import names
from seqlab.journal.curves import Axis, Curve, curve
from seqlab.journal.run import Run
from seqlab.statistics import mean_and_error

__all__ = ["Bundle", "RunGroup", "bundle", "range_in_common"]


@dataclass(frozen=True)
class RunGroup:
    """One side of a comparison."""

    name: str
    runs: tuple[Run, ...]
    """One at least."""
    left_out: tuple[str, ...] = ()
    """A sentence for each run that belongs to it and does not count."""

    @classmethod
    def alone(cls, run: Run) -> Self:
        """A single run under its own name."""
        return cls(run.name, (run,))

    @property
    def keys(self) -> list[Hashable]:
        """What names each run: its seed, by which it is paired; its name where the seeds do not tell them apart."""
        seeds = self._seeds
        return [*seeds] if None not in seeds and len({*seeds}) == len(seeds) else [run.name for run in self.runs]

    @property
    def _seeds(self) -> list[Any]:
        return [run.experiment.get("seed") for run in self.runs]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "runs": [run.name for run in self.runs],
            "seeds": self._seeds,
            "left_out": list(self.left_out),
        }

    def warnings(self) -> list[str]:
        """Why its spread may not be that of seeds alone, and who was left out."""
        first, *others = self.runs
        paths = Counter(path for run in others for path in differences(first.experiment, run.experiment))
        settings = [f"`{path}`" for path in paths if path != "seed"]
        told = [f"{self.name}: {sentence}" for sentence in self.left_out]
        if settings:
            told.append(
                f"the runs of {self.name} differ in {names.enumerated(settings[: names.LISTED])}: its spread is not "
                "that of seeds alone"
            )
        elif any(count > 1 for seed, count in Counter(self._seeds).items() if seed is not None):
            told.append(f"two runs of {self.name} have the same seed: they are not independent, and nothing is paired")
        return told


@dataclass(frozen=True)
class Bundle:
    """A metric of a group's runs over an axis."""

    name: str
    """The group's."""
    curves: Mapping[Hashable, Curve]
    """One a run, by the key of the group."""

    @cached_property
    def mean(self) -> Curve:
        """The mean of the runs wherever all have a value; of a single run its own curve.

        Between measurements each run is linear, so the mean is too, between the places at which any run was measured.
        """
        first, *others = self.curves.values()
        if not others:
            return first
        within = self._within()
        places = sorted({x for one in self.curves.values() for x, _ in one.points if within[0] <= x <= within[1]})
        means = [mean_and_error(self.at(place).values())[0] for place in places]
        return Curve(self.name, first.metric, first.axis, places, means)

    def _within(self) -> tuple[float, float]:
        """The range that all its runs have; empty where the first number is above the second."""
        if not all(one.points for one in self.curves.values()):
            return 1.0, 0.0
        ends = [(one.points[0][0], one.points[-1][0]) for one in self.curves.values()]
        return max(start for start, _ in ends), min(end for _, end in ends)

    def at(self, x: float) -> dict[Hashable, float]:
        """The value of each run that has one at x."""
        values = {key: one.at(x) for key, one in self.curves.items()}
        return {key: value for key, value in values.items() if value is not None}


def bundle(group: RunGroup, metric: str, axis: Axis) -> Bundle:
    """The curves of a group's runs. Raises JournalError for a metric or an axis that one of them did not record."""
    return Bundle(group.name, dict(zip(group.keys, (curve(run, metric, axis) for run in group.runs), strict=True)))


def range_in_common(bundles: Sequence[Bundle]) -> tuple[float, float] | None:
    """Where every group has its mean; None where they have no range in common."""
    means = [one.mean for one in bundles]
    if not all(mean.points for mean in means):
        return None
    start, end = max(mean.points[0][0] for mean in means), min(mean.points[-1][0] for mean in means)
    return (start, end) if start <= end else None
