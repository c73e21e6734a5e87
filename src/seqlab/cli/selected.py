"""A selection as a person reads it: the cells, the winner and its ties, and a sentence for everything to be wary of."""

from __future__ import annotations

import click

from seqlab.cli import render
from seqlab.sweeps.rules import Rule
from seqlab.sweeps.select import Choice, Disagreement, Group, Selection
from seqlab.sweeps.select.knobs import knobs

__all__ = ["cells_of", "head_of", "print_selection", "settings_of"]

SHOWN = 20
"""Cells in the table unless all are asked for."""


def print_selection(selection: Selection, show_all: bool) -> None:
    """Print each rule's choice, then where the rules disagree, then what was left out."""
    for rule, choice in selection.choices:
        _print_choice(rule, choice, show_all)
    for disagreement in selection.disagreements:
        _print_disagreement(disagreement)
    problems = [
        f"{group.told()}, {problem}"
        for _, choice in selection.choices
        for group in choice.groups
        for problem in group.problems
    ]
    if problems:
        render.heading("Left out")
    for problem in dict.fromkeys(problems):
        _warn(problem)


def _print_choice(rule: Rule, choice: Choice, show_all: bool) -> None:
    better = "higher" if rule.higher_is_better else "lower"
    render.heading(f"{rule}  ({better} is better)")
    shown = choice.groups if show_all else choice.groups[:SHOWN]
    head, left = head_of(choice)
    render.table(head, [cells_of(choice, group) for group in shown], left=left, marked=0)
    if len(shown) < len(choice.groups):
        click.echo(f"  and {len(choice.groups) - len(shown)} more cells; --all shows them")
    click.echo()
    click.echo(render.indented(_verdict(choice)))
    for alarm in choice.boundary:
        _warn(f"on the edge of the grid: {alarm}")
    for warning in choice.warnings:
        _warn(warning)
    if len(choice.arms) > 1:
        _print_arms(choice)


def _print_arms(choice: Choice) -> None:
    click.echo()
    rows = [
        [
            arm.name,
            arm.winner.told(),
            _measured(arm.winner.mean),
            _uncertain(arm.winner),
            str(len(arm.groups)),
            "on the edge" if any(alarm.whose == "winner" for alarm in arm.boundary) else "",
        ]
        for arm in choice.arms
    ]
    render.table(["arm", "its best", "mean", "s.e.", "cells", ""], rows, left=("arm", "its best", ""))


def head_of(choice: Choice) -> tuple[list[str], list[str]]:
    """The titles of the table's columns, and which of them hold words."""
    paths = list(knobs(choice.groups))
    return [*paths, "mean", "s.e.", "seeds", "may be the best"], [*paths[:1], "may be the best"]


def cells_of(choice: Choice, group: Group) -> list[str]:
    """One cell of the sweep as a row of the table."""
    numbers = [_measured(group.mean), _uncertain(group)] if group.values else ["", ""]
    return [*settings_of(choice, group), *numbers, str(len(group.values)), _standing(choice, group)]


def settings_of(choice: Choice, group: Group) -> list[str]:
    """The knobs of one cell, a column each; empty for those that it does not have."""
    return [render.plain(group.settings[path]) if path in group.settings else "" for path in knobs(choice.groups)]


def _measured(value: float) -> str:
    return f"{value:.5g}"


def _uncertain(group: Group) -> str:
    """The standard error, of which two digits say enough."""
    return "" if group.standard_error is None else f"{group.standard_error:.2g}"


def _standing(choice: Choice, group: Group) -> str:
    if group.cell == choice.winner.cell:
        return "winner"
    if choice.is_tied(group):
        return "yes"
    lost = choice.beaten.get(group.cell)
    return f"no (p {lost.chance:.2g})" if lost else "not judged"


def _verdict(choice: Choice) -> str:
    told = f"Of {len(choice.judged)} cells the winner is {choice.winner.told()}: {_with_error(choice.winner)}."
    others = len(choice.ties) - 1
    if not others:
        return f"{told} Every other cell is beaten (p below 0.05, all comparisons accounted for)."
    return f"{told} {others} other {'cell' if others == 1 else 'cells'} cannot be told from it, given the seeds."


def _with_error(group: Group) -> str:
    if group.standard_error is None:
        return f"{_measured(group.mean)} (single seed)"
    return f"{_measured(group.mean)} (s.e. {_uncertain(group)}, {len(group.values)} seeds)"


def _print_disagreement(found: Disagreement) -> None:
    render.heading(f"Chosen by {found.ran_by}, judged by {found.judged_by}")
    rows = [
        [
            regret.arm,
            regret.ran.told(),
            regret.should_have_been.told(),
            _measured(regret.difference),
            "" if regret.standard_errors is None else f"{regret.standard_errors:.1f}",
            _to_do(regret.ran.cell == regret.should_have_been.cell, regret.re_run),
        ]
        for regret in found.regrets
    ]
    head = ["arm", "ran", "should have been", "difference", "in s.e.", "re-run?"]
    render.table(head, rows, left=("arm", "ran", "should have been", "re-run?"))
    if found.rank_correlation is not None:
        click.echo(f"  the two order the cells with a rank correlation of {found.rank_correlation:.2f}")


def _to_do(is_same: bool, re_run: bool) -> str:
    return "no, the same" if is_same else "yes" if re_run else "no, within the noise"


def _warn(told: str) -> None:
    click.secho(render.indented(f"! {told}"), fg="yellow")
