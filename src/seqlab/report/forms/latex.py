"""A page as LaTeX: the tables of its results for a paper (booktabs), or the whole page as a document of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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

__all__ = ["document", "escaped", "tables", "tabular"]

ESCAPED = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "_": r"\_", "#": r"\#", "$": r"\$", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "[": "{[}", "]": "{]}", "*": "{*}", "\u00a0": "~",
    "|": r"\textbar{}", '"': r"\textquotedbl{}", "`": r"\textasciigrave{}",
    "…": r"\dots{}", "→": r"$\rightarrow$", "×": r"$\times$", "·": r"$\cdot$", "±": r"$\pm$", "≤": r"$\leq$",
    "≥": r"$\geq$", "−": r"$-$", "’": "'", "‘": "`", "“": "``", "”": "''", "–": "--", "—": "---",
}  # fmt: skip
LONG = 36
"""A column with a longer text is set as a paragraph."""
WIDE, WIDER = 62, 80
"""Characters of a row beyond which a table is set small, and smaller still."""
PAGE = 40
"""Rows of a table that stay on one page."""
HEAD = r"""% To be set twice: long tables find their columns in the second run.
\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage[margin=2cm]{geometry}
\usepackage{booktabs}
\usepackage{longtable}
\setlength{\parindent}{0pt}
\setlength{\parskip}{4pt}
\begin{document}
"""


def tables(page: Page, written: str) -> str:
    """The tables of results, to be put into a paper that uses the package booktabs."""
    found = [block for section in page.sections for block in section.blocks]
    results = [block for block in found if isinstance(block, Table) and block.is_result]
    origin = f"% {_comment(page.title)}. {_comment(written)}, from {_comment(page.source)}."
    head = f"{origin}\n% Needs \\usepackage{{booktabs}}.\n"
    return head + "\n".join(_floating(block) for block in results)


def document(page: Page, written: str) -> str:
    """All of the page but its curves, whose captions stand in comments."""
    parts = [HEAD, rf"\section*{{{escaped(page.title)}}}", *_blocks(page.lead)]
    for section in page.sections:
        parts += [rf"\subsection*{{{escaped(section.title)}}}", *_blocks(section.blocks)]
    foot = rf"\bigskip\small {escaped(written)}, from {_code(page.source)}."
    return "\n".join([*parts, foot, r"\end{document}", ""])


def _blocks(blocks: Sequence[Block]) -> Iterator[str]:
    for block in blocks:
        match block:
            case Facts():
                yield from _facts(block)
            case Table():
                yield _standing(block)
            case Chart():
                yield f"% A figure stands here in HTML. {_comment(block.caption)}"
            case Quote():
                head = rf"\textit{{{escaped(block.head)}}}\\ " if block.head else ""
                yield rf"\begin{{quote}}{head}{_lines(escaped(block.text))}\end{{quote}}"
            case Folded():
                yield rf"\subsubsection*{{{escaped(block.title)}}}"
                yield from _blocks(block.blocks)
            case Alarm():
                yield rf"\textbf{{{escaped(block.text)}}}" + "\n"
            case Prose():
                yield escaped(block.text) + "\n"


def _facts(block: Facts) -> Iterator[str]:
    rows = [(name, value) for name, value in block.rows if value not in (None, "")]
    if rows:
        yield r"\begin{description}\setlength{\itemsep}{0pt}"
        yield from (rf"\item[{escaped(name)}] {_lines(_cell(value))}" for name, value in rows)
        yield r"\end{description}"


def _floating(block: Table) -> str:
    caption = rf"\caption{{{escaped(block.caption)}}}" + "\n" if block.caption else ""
    return f"\\begin{{table}}\n\\centering\n{caption}{tabular(block)}\\end{{table}}\n"


def tabular(block: Table) -> str:
    """The table itself, means with their standard errors in brackets."""
    lines = [r"\toprule", _head(block), r"\midrule", _rows(block), r"\bottomrule", r"\end{tabular}", ""]
    return "\n".join([rf"{_size(block)}\begin{{tabular}}{{{_columns(block)}}}", *lines])


def _standing(block: Table) -> str:
    """A table where it stands in the text; a long one goes on on the next page."""
    caption = escaped(block.caption) + "\n\n" if block.caption else ""
    if len(block.rows) <= PAGE:
        return f"{caption}{{{tabular(block)}}}\n"
    begin = rf"{{{_size(block)}\begin{{longtable}}[l]{{{_columns(block)}}}"
    rules = rf"\toprule {_head(block)} \midrule \endhead \bottomrule \endfoot"
    return "\n".join([caption + begin, rules, _rows(block), r"\end{longtable}}", ""])


def _head(block: Table) -> str:
    return " & ".join(escaped(title) for title in block.head) + r" \\"


def _rows(block: Table) -> str:
    lines = []
    for index, row in enumerate(block.rows):
        cells = [" ".join(_cell(value).split()) for value in row]
        shown = [rf"\textbf{{{cell}}}" if cell else "" for cell in cells] if index in block.marked else cells
        lines.append(" & ".join(shown) + r" \\")
    return "\n".join(lines)


def _columns(block: Table) -> str:
    """Numbers to the right, long texts as paragraphs that share what room there is."""
    widest = [max([len(str(row[index] or "")) for row in block.rows], default=0) for index in range(len(block.head))]
    long = sum(width > LONG for width in widest)
    kinds = (
        "r" if is_number_column(block, index) else rf"p{{{0.6 / long:.2f}\linewidth}}" if width > LONG else "l"
        for index, width in enumerate(widest)
    )
    return f"@{{}}{''.join(kinds)}@{{}}"


def _size(block: Table) -> str:
    rows = [list(block.head), *block.rows]
    widest = max(sum(min(len(str(cell or "")), LONG) + 2 for cell in row) for row in rows)
    if widest <= WIDE:
        return ""
    return r"\footnotesize " if widest <= WIDER else r"\scriptsize\setlength{\tabcolsep}{3pt} "


def _cell(cell: Cell) -> str:
    if isinstance(cell, Code):
        return _code(cell.text)
    if isinstance(cell, float):
        return escaped(figure(cell))
    return f"{cell:,}" if isinstance(cell, int) else "" if cell is None else escaped(str(cell))


def _code(text: str) -> str:
    """Typewriter, with places to break a long line."""
    breakable = escaped(text).replace(".", r".\allowbreak{}").replace("/", r"/\allowbreak{}")
    return rf"\texttt{{{breakable}}}"


def _lines(latex: str) -> str:
    """Its line breaks kept."""
    return "\\\\\n".join(line for line in latex.splitlines() if line.strip())


def escaped(text: str) -> str:
    """Text as LaTeX sets it; a character that its usual fonts lack is told by its number. Brackets and stars are
    fenced: a line break before them would take them for its own."""
    return "".join(
        ESCAPED.get(one) or (one if " " <= one < "\u0180" or one == "\n" else f"{{[}}U+{ord(one):04X}{{]}}")
        for one in text
    )


def _comment(text: str) -> str:
    return " ".join(text.split())
