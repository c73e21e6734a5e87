"""Timings side by side, one benchmark a file, shown only after the gate is green.

A benchmark is a file of this folder: its name is the file's, the first line of its docstring says what it measures,
and `measure(options)` gives its rows. What several of them need lies in `shared`.
"""

from __future__ import annotations

import ast
import importlib
import math
import pkgutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqlab.spec import SpecError, did_you_mean

if TYPE_CHECKING:
    from seqlab.experiment import Experiment

__all__ = ["Interrupted", "Options", "Row", "measure", "names", "summary"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the benchmarks are told."""

    experiments: Mapping[str, Experiment] = field(default_factory=dict)
    """The experiments whose training is measured, by name."""
    quick: bool = False
    """Sizes and repetitions so small that the numbers say nothing, only that everything runs."""
    lengths: tuple[int, ...] = ()
    """Lengths at which mixers and duels are measured; none: each at its own."""
    only: tuple[str, ...] = ()
    """The mixers and duels that are measured, by name; none: all."""
    preset: str = "cpu"
    """The sizes of `operators`, by name."""
    path: Path | None = None
    """The text of `shakespeare`, or the alignment of `fits`."""
    seeds: int = 1
    """How many seeds `shakespeare` trains."""
    peer_steps: int = 2000
    """Steps of the peer of `shakespeare`."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measured quantity."""

    what: str
    value: float
    """The median."""
    unit: str
    minimum: float | None = None
    spread: float | None = None
    """Largest less smallest sample, as a share of the median."""
    target: float | None = None
    """The value is wanted at or below this, or at or above it where more is better."""
    more_is_better: bool = False
    """Which side of the target is wanted."""
    ratio: float | None = None
    """The value over its peer's: below 1 is faster."""
    peer: str = ""
    """What the ratio is taken to."""
    also: Mapping[str, float] = field(default_factory=dict)
    """Other numbers of the same measurement, by name."""
    note: str = ""
    labels: Mapping[str, str | int] = field(default_factory=dict)
    """What `what` says, in parts that a program can read."""
    error: str = ""
    """Why nothing could be measured; the value is NaN then."""

    @classmethod
    def failed(cls, what: str, error: Exception, *, labels: Mapping[str, str | int]) -> Row:
        """The row of what could not be measured."""
        first = (str(error).splitlines() or [""])[0]
        return cls(what=what, value=math.nan, unit="", labels=labels, error=f"{type(error).__name__}: {first}")

    @property
    def misses(self) -> bool:
        """Whether there was an error, or there is a target and it is not reached; NaN reaches none."""
        if self.target is None:
            return bool(self.error)
        return not (self.value >= self.target if self.more_is_better else self.value <= self.target)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return {**asdict(self), "misses": self.misses}


class Interrupted(Exception):
    """A signal ended a training that was measured. Trainings obey signals by ending well: without this, the next
    measurement would begin."""

    def __init__(self, what: str) -> None:
        super().__init__(f"a signal ended the benchmark: `{what}`, and what was to follow, was not measured.")
        self.rows: list[Row] = []
        """What the benchmark had measured before."""

    @classmethod
    def check(cls, state: str, what: str) -> None:
        """Raise it where the state in which a training ended says so. what: was being measured."""
        if state in ("stopped", "preempted"):
            raise cls(what)


def names() -> list[str]:
    """Every benchmark: the files of this folder. Nothing is imported."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.ispkg)


def summary(name: str) -> str:
    """The first line of a benchmark's docstring. Nothing is imported."""
    source = Path(__path__[0], f"{name}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def measure(name: str, options: Options) -> list[Row]:
    """The rows of a benchmark. Raises SpecError naming the nearest when there is none of that name, and Interrupted,
    with the rows so far, when a signal ends it."""
    if name not in names():
        raise SpecError(f"there is no benchmark `{name}`; {did_you_mean(name, names())}")
    rows: list[Row] = []
    try:
        rows.extend(importlib.import_module(f"{__name__}.{name}").measure(options))  # one by one, so they stay
    except Interrupted as error:
        error.rows = rows
        raise
    return rows
