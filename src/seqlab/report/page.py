"""A page as plain values, which every form writes in its own way."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

__all__ = [
    "Alarm", "Block", "Cell", "Chart", "Code", "Facts", "Folded", "Line", "Measured", "Page", "Prose", "Quote",
    "Section", "Table", "is_number", "is_number_column",
]  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """A mean over seeds with its standard error; None for a single seed, which has none."""

    mean: float
    error: float | None = None

    def __str__(self) -> str:
        """With as many digits as the error says that it has: 0.787 (0.010)."""
        if not self.error or not math.isfinite(self.error):
            return f"{self.mean:.5g}" + ("" if self.error is None else f" ({self.error:.2g})")
        digits = max(0, 1 - math.floor(math.log10(self.error)))
        return f"{self.mean:.{digits}f} ({self.error:.{digits}f})"


@dataclass(frozen=True)
class Code:
    """What one types or finds in a file."""

    text: str

    def __str__(self) -> str:
        return self.text


Cell = str | int | float | Code | Measured | None
"""Of a table; None: there is nothing."""


@dataclass(frozen=True)
class Facts:
    """Names with what belongs to them; a value may have several lines. Empty ones are left out."""

    kind: ClassVar[str] = "facts"
    rows: Sequence[tuple[str, Cell]]


@dataclass(frozen=True)
class Table:
    """Rows under their head; the rows `marked` stand out."""

    kind: ClassVar[str] = "table"
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    marked: frozenset[int] = frozenset()
    is_result: bool = False
    """Whether it belongs into a paper: what LaTeX writes of a run, a sweep or a query."""


@dataclass(frozen=True)
class Line:
    """A curve by its name; a value that is not finite leaves a gap."""

    name: str
    points: Sequence[tuple[float, float]]
    band: Sequence[tuple[float, float, float]] = ()
    """(x, low, high), where seeds have a spread."""
    has_dots: bool = False
    """Whether each point is worth a dot: a few settings, no curve of a training."""


@dataclass(frozen=True)
class Chart:
    """Curves over one axis."""

    kind: ClassVar[str] = "chart"
    lines: Sequence[Line]
    x: str
    """What runs to the right, with its unit."""
    y: str
    caption: str = ""
    """Which runs, seeds and window."""
    floors: Sequence[tuple[str, float]] = ()
    """Dotted lines across."""
    marks: Sequence[tuple[float, str]] = ()
    """Dashed lines upwards: where something changed, and what."""
    is_log_x: bool = False
    is_log_y: bool = False


@dataclass(frozen=True)
class Prose:
    """A sentence or more of ours."""

    kind: ClassVar[str] = "prose"
    text: str


@dataclass(frozen=True)
class Alarm:
    """A sentence that makes the reader wary."""

    kind: ClassVar[str] = "alarm"
    text: str


@dataclass(frozen=True)
class Quote:
    """What a person wrote or a model made, line breaks kept; `head` says who, when, and with which verdict."""

    kind: ClassVar[str] = "quote"
    head: str
    text: str


@dataclass(frozen=True)
class Folded:
    """What one looks up now and then: HTML folds it away."""

    kind: ClassVar[str] = "folded"
    title: str
    blocks: Sequence[Block]


Block = Facts | Table | Chart | Prose | Alarm | Quote | Folded


@dataclass(frozen=True)
class Section:
    """Blocks under a title."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Page:
    """A whole page."""

    title: str
    what: str
    """What it is a page of: "run", "sweep", "runs", "report"."""
    lead: Sequence[Block]
    """What stands before the first section."""
    sections: Sequence[Section]
    badges: Sequence[tuple[str, str]]
    """(kind, word): a state, a verdict."""
    data: Callable[[], Table]
    """Every number with all its digits, for a spreadsheet; made when it is asked for."""
    source: str
    """Where the record lies."""


def is_number(cell: Cell) -> bool:
    """Whether a cell is a number, and stands to the right."""
    return isinstance(cell, int | float | Measured)


def is_number_column(table: Table, column: int) -> bool:
    """Whether a column holds numbers and nothing else."""
    cells = [row[column] for row in table.rows if row[column] not in (None, "")]
    return bool(cells) and all(map(is_number, cells))
