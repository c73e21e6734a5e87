"""The table of a selection for a paper or a spreadsheet: Markdown, LaTeX, CSV. Every cell, every digit that counts."""

from __future__ import annotations

from seqlab.report.forms.latex import tabular
from seqlab.report.forms.markdown import table_of
from seqlab.report.forms.table import csv_of
from seqlab.report.sections.selection import cells_table, seeds_table
from seqlab.sweeps.rules import Rule
from seqlab.sweeps.select import Choice

__all__ = ["table"]


def table(form: str, rule: Rule, choice: Choice) -> str:
    """The cells by one rule, the best first; the rule stands above (in CSV in the head). form: markdown, latex, csv."""
    if form == "csv":
        return csv_of(seeds_table(rule, choice))
    cells = cells_table(choice)
    return f"% {rule}\n{tabular(cells)}" if form == "latex" else f"`{rule}`\n\n{table_of(cells)}\n"
