"""The table of a selection for a paper or a spreadsheet: Markdown, LaTeX, CSV. Every cell, every digit that counts."""

from __future__ import annotations

import csv
import io

from seqlab.cli import markdown
from seqlab.cli.selected import settings_of
from seqlab.sweeps.rules import Rule
from seqlab.sweeps.select import Choice, Group
from seqlab.sweeps.select.knobs import knobs

__all__ = ["table"]

LATEX = {"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "_": r"\_", "#": r"\#", "$": r"\$", "{": r"\{", "}": r"\}"}


def table(form: str, rule: Rule, choice: Choice) -> str:
    """The cells by one rule, the best first; the rule stands above (in CSV in the head). form: markdown, latex, csv."""
    if form == "csv":
        return _csv(rule, choice)
    head = [*knobs(choice.groups), "mean (s.e.)", "seeds", ""]
    rows = [_row(choice, group) for group in choice.groups]
    return _latex(rule, head, rows) if form == "latex" else _markdown(rule, head, rows)


def _row(choice: Choice, group: Group) -> list[str]:
    mark = "winner" if group.cell == choice.winner.cell else "tie" if choice.is_tied(group) else ""
    return [*settings_of(choice, group), _mean(group), str(len(group.values)), mark]


def _mean(group: Group) -> str:
    """A mean with as many digits as its standard error says that it has: .78719 (.01022)."""
    if not group.values:
        return "-"
    error = group.standard_error
    return f"{group.mean:.5g}" if error is None else f"{group.mean:.5g} ({error:.2g})"


def _markdown(rule: Rule, head: list[str], rows: list[list[str]]) -> str:
    return f"`{rule}`\n\n{markdown.table(head, rows)}\n"


def _latex(rule: Rule, head: list[str], rows: list[list[str]]) -> str:
    lines = [r" & ".join(map(_escaped, line)) + r" \\" for line in [head, *rows]]
    body = "\n".join([lines[0], r"\hline", *lines[1:]])
    return f"% {rule}\n\\begin{{tabular}}{{{'l' * len(head)}}}\n{body}\n\\end{{tabular}}\n"


def _escaped(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in text)


def _csv(rule: Rule, choice: Choice) -> str:
    """One line a cell, with a column for each seed."""
    seeds = sorted({seed for group in choice.groups for seed in group.values})
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n").writerow
    write(
        ["cell", *knobs(choice.groups), str(rule), "standard_error", "seeds", "standing", *(f"seed {s}" for s in seeds)]
    )
    for group in choice.groups:
        *_, mark = _row(choice, group)
        numbers = [group.mean if group.values else "", "" if (e := group.standard_error) is None else e]
        write(
            [group.cell, *settings_of(choice, group), *numbers, len(group.values), mark]
            + [group.values.get(seed, "") for seed in seeds]
        )
    return out.getvalue()
