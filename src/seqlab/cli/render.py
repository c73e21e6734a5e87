"""How things look: JSON, aligned tables, and numbers as people read them. Plain text, 80 columns, no rich."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Sequence

import click

from seqlab.journal.files import encode
from seqlab.wording import ago, apart, count, duration, figure, metrics_line, per_second, plain, size, step_of

__all__ = [
    "ago", "apart", "count", "duration", "figure", "heading", "indented", "json_out", "metrics_line", "pairs",
    "per_second", "plain", "reflowed", "size", "step_of", "table",
]  # fmt: skip

WIDTH = 80
NARROWEST = 12
"""A column of words is cut to no less."""
FULL_LINE = 70
"""A line of a docstring longer than this goes on in the next one."""


def json_out(value: object) -> None:
    """Print strict JSON: NaN and the infinities stand as the strings "nan", "inf" and "-inf"."""
    click.echo(encode(value, readable=True).decode())


def heading(text: str) -> None:
    """Print the title of a section, a blank line before it."""
    click.echo(f"\n{click.style(text, bold=True)}")


def indented(text: str, by: int = 2) -> str:
    """The text, wrapped and set in from the left; its own line breaks are kept."""
    space = " " * by
    wrap = textwrap.TextWrapper(WIDTH, initial_indent=space, subsequent_indent=space, break_long_words=False)
    wrap.break_on_hyphens = False
    return "\n".join(wrap.fill(line) for line in text.splitlines())


def reflowed(text: str) -> str:
    """A docstring without the line breaks that only kept it within its file's width."""
    lines: list[str] = []
    continued = False
    for line in text.splitlines():
        if continued and line[:1].strip():
            lines[-1] += f" {line}"
        else:
            lines.append(line)
        continued = len(line) > FULL_LINE
    return "\n".join(lines)


def pairs(rows: Iterable[tuple[str, str]]) -> None:
    """Print names and values in two columns; a long value is wrapped, an empty one left out."""
    rows = [(name, value) for name, value in rows if value]
    wide = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        first, *rest = indented(value, by=wide + 4).splitlines()
        click.echo("\n".join([f"  {name:<{wide}}  {first.lstrip()}", *rest]))


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, left: Sequence[str] = (), marked: int = -1) -> None:
    """Print rows under their head, numbers to the right, the columns named in `left` to the left.

    On a terminal a line is cut at its edge; where that would cost numbers, and shorter words before them spare it, the
    words are cut. Elsewhere nothing is lost. The row `marked` is bold. An empty column is left out.
    """
    kept = [i for i, title in enumerate(head) if any(row[i] for row in rows) or title in left[:1]]
    wide = {i: max(len(head[i]), *(len(row[i]) for row in rows), 0) for i in kept}
    edge = shutil.get_terminal_size((1 << 16, 24)).columns
    last = max((i for i in kept if head[i] not in left), default=-1)
    before = [i for i in kept if i <= last]
    excess = sum(wide[i] + 2 for i in before) - edge
    wide |= _narrowed({i: wide[i] for i in before if head[i] in left}, excess)

    def line(cells: Sequence[str]) -> str:
        shown = {i: _cut(cells[i], wide[i]) for i in kept}
        parts = (f"{shown[i]:<{wide[i]}}" if head[i] in left else f"{shown[i]:>{wide[i]}}" for i in kept)
        return _cut(("  " + "  ".join(parts)).rstrip(), edge)

    click.echo(click.style(line(head), dim=True))
    for index, row in enumerate(rows):
        click.echo(click.style(line(row), bold=True) if index == marked else line(row))


def _narrowed(wide: dict[int, int], excess: int) -> dict[int, int]:
    """The widths of columns of words, less what is too much, the widest first; as they are where that is not enough."""
    if excess > sum(max(0, width - NARROWEST) for width in wide.values()):
        return wide
    narrowed = dict(wide)
    for _ in range(excess):
        narrowed[max(narrowed, key=narrowed.__getitem__)] -= 1
    return narrowed


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
