"""Markdown that is read as well in a terminal: what people wrote, code, and how a page is shown."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator

import click

from seqlab.report.forms.markdown import code, item, table

__all__ = ["code", "item", "show", "table"]

WIDEST = 100
"""Longer lines of prose are hard to read."""


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
