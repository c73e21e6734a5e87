"""A selection as a person reads it: the cells, the winner and its ties, and a sentence for everything to be wary of."""

from __future__ import annotations

import click

from seqlab.cli import render
from seqlab.sweeps.rules import Rule
from seqlab.sweeps.select import Choice, Disagreement, Selection
from seqlab.sweeps.select.told import cells_of, head_of, measured, to_do, uncertain, verdict

__all__ = ["print_selection"]

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
    click.echo(render.indented(verdict(choice)))
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
            measured(arm.winner.mean),
            uncertain(arm.winner),
            str(len(arm.groups)),
            "on the edge" if any(alarm.whose == "winner" for alarm in arm.boundary) else "",
        ]
        for arm in choice.arms
    ]
    render.table(["arm", "its best", "mean", "s.e.", "cells", ""], rows, left=("arm", "its best", ""))


def _print_disagreement(found: Disagreement) -> None:
    render.heading(f"Chosen by {found.ran_by}, judged by {found.judged_by}")
    rows = [
        [
            regret.arm,
            regret.ran.told(),
            regret.should_have_been.told(),
            measured(regret.difference),
            "" if regret.standard_errors is None else f"{regret.standard_errors:.1f}",
            to_do(regret.ran.cell == regret.should_have_been.cell, regret.re_run),
        ]
        for regret in found.regrets
    ]
    head = ["arm", "ran", "should have been", "difference", "in s.e.", "re-run?"]
    render.table(head, rows, left=("arm", "ran", "should have been", "re-run?"))
    if found.rank_correlation is not None:
        click.echo(f"  the two order the cells with a rank correlation of {found.rank_correlation:.2f}")


def _warn(told: str) -> None:
    click.secho(render.indented(f"! {told}"), fg="yellow")
