"""The runs of a cell as one: its settings, a value for each seed, mean and standard error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seqlab.statistics import mean_and_error

__all__ = ["Group", "typed"]


@dataclass(frozen=True)
class Group:
    """One cell of a sweep by one rule."""

    cell: str
    """The id of the cell's experiment, whatever its seed."""
    settings: Mapping[str, Any]
    """The knobs as this cell has them, those left out that no cell has otherwise: path -> value."""
    values: Mapping[int, float]
    """Seed -> what the rule says of that seed's run. Finite."""
    runs: Mapping[int, str] = field(default_factory=dict)
    """Seed -> the name of that run."""
    problems: tuple[str, ...] = ()
    """Why a seed is missing, a sentence each; a group with problems is not chosen."""

    @property
    def mean(self) -> float:
        """Over the seeds; NaN without any."""
        return mean_and_error(self.values.values())[0]

    @property
    def standard_error(self) -> float | None:
        """Of the mean over seeds, by the unbiased variance; None for a single seed, which has none."""
        return mean_and_error(self.values.values())[1]

    def told(self) -> str:
        """The settings as one would type them: `optim.lr=0.001 model.dim=64`."""
        return " ".join(f"{path}={typed(value)}" for path, value in self.settings.items()) or "(no knob)"

    def to_json(self) -> dict[str, Any]:
        """Plain values; `seeds` counts them."""
        return {
            "cell": self.cell,
            "settings": dict(self.settings),
            "mean": self.mean,
            "standard_error": self.standard_error,
            "seeds": len(self.values),
            "values": {str(seed): value for seed, value in self.values.items()},
            "runs": {str(seed): run for seed, run in self.runs.items()},
            "problems": list(self.problems),
        }


def typed(value: Any) -> str:
    """A setting as one would type it: true, none, 0.001."""
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)
