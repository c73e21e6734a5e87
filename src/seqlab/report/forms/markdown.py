"""A page as Markdown: tables and facts; a curve is told by its ends, for text cannot draw it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from seqlab.report.page import (
    Alarm,
    Block,
    Cell,
    Chart,
    Code,
    Facts,
    Folded,
    Page,
    Prose,
    Quote,
    Table,
    is_number_column,
)
from seqlab.wording import figure

__all__ = ["code", "item", "markdown", "table", "table_of"]


def markdown(page: Page, written: str) -> str:
    """The file. written: by what and when, for its last line."""
    badges = f" ({', '.join(word for _, word in page.badges)})" if page.badges else ""
    lines = [f"# {_harmless(page.title)}{badges}", *_blocks(page.lead)]
    for section in page.sections:
        lines += ["", f"## {section.title}", *_blocks(section.blocks)]
    return "\n".join([*lines, "", f"{written}, from {code(page.source)}.", ""])


def _blocks(blocks: Sequence[Block]) -> Iterator[str]:
    for block in blocks:
        yield ""
        match block:
            case Facts():
                yield from _facts(block)
            case Table():
                yield table_of(block)
                yield from ("", _harmless(block.caption)) if block.caption else ()
            case Chart():
                yield from _chart(block)
            case Quote():
                yield item(f"{block.head}: {block.text}" if block.head else block.text)
            case Folded():
                yield f"### {block.title}"
                yield from _blocks(block.blocks)
            case Alarm():
                yield _harmless(f"**{block.text}**")
            case Prose():
                yield _harmless(block.text)


def _facts(block: Facts) -> Iterator[str]:
    for name, value in block.rows:
        if value not in (None, ""):
            yield item(f"{name}: {_cell(value)}")


def table_of(block: Table) -> str:
    """A table without its caption."""
    right = [is_number_column(block, index) for index in range(len(block.head))]
    return table(block.head, ([_one_line(_cell(value)) for value in row] for row in block.rows), right)


def _chart(block: Chart) -> Iterator[str]:
    head = ["", f"first ({block.x})", block.y, f"last ({block.x})", block.y]
    ends = [(line.name, *line.points[0], *line.points[-1]) for line in block.lines if line.points]
    rows = [[_one_line(name), *map(figure, numbers)] for name, *numbers in ends]
    yield table(head, rows, [False, True, True, True, True])
    yield from ("", _harmless(block.caption))


def _cell(cell: Cell) -> str:
    if isinstance(cell, Code):
        return code(cell.text)
    if isinstance(cell, float):
        return figure(cell)
    return f"{cell:,}" if isinstance(cell, int) else "" if cell is None else str(cell)


def _one_line(text: str) -> str:
    return _harmless(" ".join(text.split()))


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


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[bool] = ()) -> str:
    """A table; bars within a cell are escaped. right: which columns stand to the right."""
    rule = ["---:" if index < len(right) and right[index] else "---" for index in range(len(head))]
    lines = [head, rule, *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
