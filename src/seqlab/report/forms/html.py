"""A page as one HTML file that holds all it needs: no script, no network, light and dark.

Whatever comes from a run is escaped by the template; a content security policy forbids all but the page's own style.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from seqlab.report.drawing import drawn, look
from seqlab.report.page import Block, Cell, Chart, Code, Page, is_number, is_number_column
from seqlab.wording import figure

__all__ = ["html"]

HERE = Path(__file__).parent
SHORT = 40
"""A text of a table that is not broken into lines."""


def html(page: Page, written: str) -> str:
    """The file. written: by what and when, for the foot of the page."""
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    environment.filters.update(cell=_cell, drawn=_drawn, kind_of_cell=_kind_of_cell, side_by_side=_side_by_side)
    environment.tests.update(number_column=is_number_column)
    environment.globals.update(look=look)
    style = Markup((HERE / "page.css").read_text(encoding="utf-8"))  # ours
    return environment.get_template("page.html.jinja").render(page=page, style=style, written=written) + "\n"


def _cell(cell: Cell) -> Markup:
    """A cell as HTML, its text escaped."""
    if isinstance(cell, Code):
        return Markup("<code>{}</code>").format(cell.text)
    if isinstance(cell, float):
        return Markup("{}").format(figure(cell))
    if isinstance(cell, int):
        return Markup("{}").format(f"{cell:,}")
    return Markup("{}").format("" if cell is None else str(cell))


def _kind_of_cell(cell: Cell) -> Markup:
    """How a cell is set: numbers to the right, short texts on one line."""
    kind = "number" if is_number(cell) else "short" if len(str(cell)) <= SHORT else ""
    return Markup(' class="{}"').format(kind) if kind else Markup("")


def _side_by_side(blocks: Sequence[Block]) -> list[tuple[bool, list[Block]]]:
    """Charts that follow each other together, and what is no chart."""
    return [(is_chart, list(group)) for is_chart, group in groupby(blocks, key=lambda block: isinstance(block, Chart))]


def _drawn(chart: Chart) -> Markup:
    return Markup(drawn(chart))  # escapes the names that stand in it
