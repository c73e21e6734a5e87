"""A rule of selection as a value: what it says, its text and its JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from seqlab.journal.digest import higher_is_better

__all__ = ["DIRECTIONS", "REDUCTIONS", "UNITS", "Edge", "Range", "Rule", "Unit", "Window"]

REDUCTIONS = ("mean", "median", "min", "max", "first", "last")
DIRECTIONS = ("higher", "lower")
Unit = str
UNITS: dict[Unit, tuple[str | None, float]] = {
    "values": (None, 1),
    "steps": ("step", 1),
    "epochs": ("epoch", 1),
    "tasks": ("task", 1),
    "tokens": ("tokens", 1),
    "seconds": ("wall_seconds", 1),
    "minutes": ("wall_seconds", 60),
    "hours": ("wall_seconds", 3600),
}
"""What a window can be counted by: the column of the record (none: the measurements themselves), and how many of the
column's own units make one."""


@dataclass(frozen=True)
class Edge:
    """The first or the last of a curve: `last 50 tasks`, `last 10 % of steps`, `last epoch of each task`."""

    side: str
    """"first" or "last"."""
    amount: float
    unit: Unit
    is_percent: bool = False
    of_each_task: bool = False

    def __str__(self) -> str:
        if self.is_percent:
            told = f"{self.side} {_figure(self.amount)} % of {self.unit}"
        elif self.amount == 1:
            told = f"{self.side} {self.unit[:-1]}"
        else:
            told = f"{self.side} {_figure(self.amount)} {self.unit}"
        return f"{told} of each task" if self.of_each_task else told

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Range:
    """A stretch of a curve, both ends included: `steps 100..200`, `tokens ..1e6`."""

    unit: Unit
    start: float | None = None
    end: float | None = None

    def __str__(self) -> str:
        start, end = ("" if at is None else _figure(at) for at in (self.start, self.end))
        return f"{self.unit} {start}..{end}"

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


Window = Edge | Range


@dataclass(frozen=True)
class Rule:
    """One number of a run, and which way is better. `str` gives the text that `parse` reads."""

    reduction: str
    metric: str
    windows: tuple[Window, ...] = ()
    direction: str | None = None
    """"higher" or "lower"; None: as reduction and metric imply."""
    threshold: float | None = None
    """Where there is one, what is reduced is not the metric but the time to this value of it: in each task of a stream
    the steps to the first measurement that reaches it; a task in which none does counts with all its steps."""

    @property
    def phase(self) -> str:
        """What the metric's name says of where it was measured: train, val, val_subset, test, or a probe's own word."""
        return self.metric.partition("/")[0]

    @property
    def is_on_test(self) -> bool:
        """Whether it looks at a test split, which is there to report and not to choose."""
        return self.phase.split("_")[0] == "test"

    @property
    def higher_is_better(self) -> bool:
        """Which way is better."""
        if self.threshold is not None:
            return self.direction == "higher"
        if self.direction is not None:
            return self.direction == "higher"
        return higher_is_better(self.metric)

    def __str__(self) -> str:
        told = [self.metric, *map(str, self.windows)]
        told += [f"steps to {_figure(self.threshold)}"] if self.threshold is not None else []
        told += [f"{self.direction} is better"] if self.direction else []
        return f"{self.reduction}({'; '.join(told)})"

    def to_json(self) -> dict[str, Any]:
        """Plain values, the text and the direction that it comes to among them."""
        return {
            "text": str(self),
            "reduction": self.reduction,
            "metric": self.metric,
            "phase": self.phase,
            "windows": [window.to_json() for window in self.windows],
            "direction": self.direction,
            "threshold": self.threshold,
            "higher_is_better": self.higher_is_better,
        }

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> Rule:
        """The rule that `to_json` made."""
        windows = tuple(Edge(**one) if "side" in one else Range(**one) for one in saved["windows"])
        return cls(saved["reduction"], saved["metric"], windows, saved["direction"], saved.get("threshold"))


def _figure(value: float) -> str:
    """A number as one would type it: 50, 0.5, 1e+06; reads back as the same number."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
