"""A selection in words: the rows of its table, and a sentence for what came of it."""

from __future__ import annotations

from seqlab.sweeps.select.choice import Choice
from seqlab.sweeps.select.groups import Group
from seqlab.sweeps.select.knobs import knobs
from seqlab.wording import plain

__all__ = ["cells_of", "head_of", "measured", "settings_of", "standing", "to_do", "uncertain", "verdict"]


def head_of(choice: Choice) -> tuple[list[str], list[str]]:
    """The titles of the table's columns, and which of them hold words."""
    paths = list(knobs(choice.groups))
    return [*paths, "mean", "s.e.", "seeds", "may be the best"], [*paths[:1], "may be the best"]


def cells_of(choice: Choice, group: Group) -> list[str]:
    """One cell of the sweep as a row of the table."""
    numbers = [measured(group.mean), uncertain(group)] if group.values else ["", ""]
    return [*settings_of(choice, group), *numbers, str(len(group.values)), standing(choice, group)]


def settings_of(choice: Choice, group: Group) -> list[str]:
    """The knobs of one cell, a column each; empty for those that it does not have."""
    return [plain(group.settings[path]) if path in group.settings else "" for path in knobs(choice.groups)]


def measured(value: float) -> str:
    """A mean, five digits long."""
    return f"{value:.5g}"


def uncertain(group: Group) -> str:
    """The standard error, of which two digits say enough."""
    return "" if group.standard_error is None else f"{group.standard_error:.2g}"


def standing(choice: Choice, group: Group) -> str:
    """Whether a cell may be the best."""
    if group.cell == choice.winner.cell:
        return "winner"
    if choice.is_tied(group):
        return "yes"
    lost = choice.beaten.get(group.cell)
    return f"no (p {lost.chance:.2g})" if lost else "not judged"


def verdict(choice: Choice) -> str:
    """Who wins, and how many cannot be told from it."""
    told = f"Of {len(choice.judged)} cells the winner is {choice.winner.told()}: {_with_error(choice.winner)}."
    others = len(choice.ties) - 1
    if not others:
        return f"{told} Every other cell is beaten (p below 0.05, all comparisons accounted for)."
    return f"{told} {others} other {'cell' if others == 1 else 'cells'} cannot be told from it, given the seeds."


def _with_error(group: Group) -> str:
    if group.standard_error is None:
        return f"{measured(group.mean)} (single seed)"
    return f"{measured(group.mean)} (s.e. {uncertain(group)}, {len(group.values)} seeds)"


def to_do(is_same: bool, re_run: bool) -> str:
    """Whether another rule's choice is to be run."""
    return "no, the same" if is_same else "yes" if re_run else "no, within the noise"
