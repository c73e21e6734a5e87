"""How the result depends on the knobs: a curve with its uncertainty for one, a map for two. Plain values to draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from seqlab.journal import names
from seqlab.statistics import quantile
from seqlab.sweeps.errors import SweepError
from seqlab.sweeps.select.choice import Choice
from seqlab.sweeps.select.groups import Group
from seqlab.sweeps.select.knobs import is_number, knobs, without
from seqlab.sweeps.select.ties import winner

__all__ = ["Heat", "Point", "Response", "heat", "is_logarithmic", "response"]

LEVEL = 0.05


@dataclass(frozen=True)
class Point:
    """The result at one value of a knob."""

    value: Any
    mean: float
    low: float | None
    """The ends of the 95 % interval of the mean, by the seeds; None for a single seed."""
    high: float | None
    seeds: int
    cell: str


@dataclass(frozen=True)
class Response:
    """The result by one knob: `at_winner` with the winner's other settings, `at_best` with the best ones at each value.

    Where the two run apart, the knobs depend on each other.
    """

    knob: str
    at_winner: list[Point]
    at_best: list[Point]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Heat:
    """The result by two knobs: `means[i][j]` at the i-th value of the first and the j-th of the second."""

    knobs: tuple[str, str]
    values: tuple[list[Any], list[Any]]
    means: list[list[float | None]]
    """With the best other settings; None where no cell was judged."""
    ties: list[list[bool]]
    """Whether a cell there may be the best."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def response(choice: Choice, knob: str, higher_is_better: bool) -> Response:
    """How the judged cells depend on a knob. Raises SweepError for one that the sweep does not vary."""
    values = _values(choice, knob)
    others = without(choice.winner.settings, knob)
    slice_ = [group for group in choice.judged if without(group.settings, knob) == others]
    return Response(
        knob,
        [_point(knob, group) for value in values if (group := _at(slice_, {knob: value}, higher_is_better))],
        [_point(knob, group) for value in values if (group := _at(choice.judged, {knob: value}, higher_is_better))],
    )


def heat(choice: Choice, first: str, second: str, higher_is_better: bool) -> Heat:
    """How the judged cells depend on two knobs. Raises SweepError for one that the sweep does not vary."""
    if first == second:
        raise SweepError(f"a map needs two knobs, and {first} is one; name another beside it")
    rows, columns = _values(choice, first), _values(choice, second)
    found = [[_at(choice.judged, {first: a, second: b}, higher_is_better) for b in columns] for a in rows]
    tied = [[bool(_at(choice.ties, {first: a, second: b}, higher_is_better)) for b in columns] for a in rows]
    return Heat((first, second), (rows, columns), [[one.mean if one else None for one in row] for row in found], tied)


def is_logarithmic(values: Sequence[Any]) -> bool:
    """Whether the values of a knob are best drawn in equal ratios: positive numbers that span a factor of ten."""
    return all(is_number(value) and value > 0 for value in values) and max(values) >= 10 * min(values)


def _values(choice: Choice, knob: str) -> list[Any]:
    known = knobs(choice.judged)
    if knob not in known:
        near = names.perhaps(knob, known) or f"; it varies {names.enumerated(list(known)) or 'nothing'}"
        raise SweepError(f"the sweep does not vary {knob!r}{near}")
    return known[knob]


def _at(groups: Sequence[Group], settings: dict[str, Any], higher_is_better: bool) -> Group | None:
    """The best group with these settings."""
    found = [group for group in groups if all(group.settings.get(path) == value for path, value in settings.items())]
    return winner(found, higher_is_better) if found else None


def _point(knob: str, group: Group) -> Point:
    error, count = group.standard_error, len(group.values)
    reach = None if error is None else quantile(LEVEL / 2, count - 1) * error
    low, high = (None, None) if reach is None else (group.mean - reach, group.mean + reach)
    return Point(group.settings[knob], group.mean, low, high, count, group.cell)
