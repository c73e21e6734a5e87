"""Markdown that is read as well in a terminal: what people wrote, code, and how a page is shown."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence

import click

__all__ = ["code", "item", "show", "table"]

WIDEST = 100
"""Longer lines of prose are hard to read."""


def item(text: str, depth: int = 0, mark: str = "") -> str:
    """An item of a list whose text may have several lines and any content: they stay in the item.

    What people write is Markdown already; only what would break the page or vanish from it is escaped: titles, and
    a < that begins a word, which HTML takes for a tag.
    """
    space = "  " * depth
    first, *rest = [_harmless(line) for line in text.strip().splitlines()] or [""]
    return "\n".join([f"{space}- {mark}{first}".rstrip(), *(f"{space}  {line}".rstrip() for line in rest)])


def _harmless(line: str) -> str:
    if line.lstrip()[:1] in "#=-":
        line = re.sub(r"^(\s*)(#{1,6}(?=\s|$)|=+\s*$|-+\s*$)", r"\1\\\2", line)
    if "<" not in line:
        return line
    pieces = re.split(r"(`+[^`]*`+)", line)  # code stays as it is
    return "".join(re.sub(r"<(?=[A-Za-z/!?])", r"\\<", piece) if piece[:1] != "`" else piece for piece in pieces)


def code(text: str) -> str:
    """A code span, fenced by more backticks than `text` holds in a row."""
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence, space = "`" * (longest + 1), " " if "`" in text else ""
    return f"{fence}{space}{text}{space}{fence}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; bars within a cell are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def show(lines: Iterable[str], *, as_written: bool = False) -> None:
    """Print a page; in a terminal with titles in bold and prose wrapped, unless it is wanted `as_written`."""
    page = "\n".join(lines)
    if not as_written and sys.stdout.isatty():
        page = "\n".join(_for_terminal(page.splitlines()))
    click.echo(page)


def _for_terminal(lines: Iterable[str]) -> Iterator[str]:
    width = min(shutil.get_terminal_size().columns, WIDEST)
    for line in lines:
        if line.startswith("#"):
            yield click.style(line, bold=True)
        elif len(line) <= width or line.endswith("`"):  # a command is left whole, to be copied
            yield line
        else:
            space = " " * len(re.match(r"\s*(- (\[.\] )?)?", line)[0])  # type: ignore[index]  # matches any text
            wrap = textwrap.TextWrapper(width, subsequent_indent=space, break_long_words=False)
            wrap.break_on_hyphens = False
            yield wrap.fill(line)
