"""A comparison as a person reads it, and as a figure: means with their bands, differences, crossings, the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import click

from seqlab.cli import figure, markdown, render
from seqlab.journal.comparison import position, span
from seqlab.journal.curves import UNITS

__all__ = ["draw_bands", "print_comparison"]

Told = Mapping[str, Any]

COUNTED = "operations are counted by the model, forward and backward of each step; evaluation is not counted"


def print_comparison(told: Told, as_markdown: bool = False) -> None:
    """Print what `compared` found."""
    click.echo(f"`{told['metric']}`" if as_markdown else click.style(told["metric"], bold=True))
    for axis in told["equal"]:
        _heading(f"At equal {UNITS[axis]}", as_markdown)
        _print_axis(told, axis, as_markdown)
    for axis, why in told["left_out"].items():
        _heading(f"At equal {UNITS[axis]}", as_markdown)
        click.echo(render.indented(f"left out: {why}"))
    _heading("Verdict", as_markdown)
    click.echo(render.indented(told["verdict"]))
    if len(told["runs"]) > 2 and _has_groups(told):
        click.echo(render.indented("Intervals hold for all pairs together: 5 % is divided by their number."))
    for warning in told["warnings"]:
        click.secho(render.indented(f"! {warning}"), fg="yellow")


def _heading(title: str, as_markdown: bool) -> None:
    click.echo(f"\n## {title}\n") if as_markdown else render.heading(title)


def _print_axis(told: Told, axis: str, as_markdown: bool) -> None:
    unit, rows = UNITS[axis], told["equal"][axis]
    cells = [[position(row["at"]), *_values(row, told["runs"]), row["leader"] or "equal"] for row in rows]
    head = [unit, *told["runs"], "leads"]
    if not cells:
        click.echo("  no range in common")
    elif as_markdown:
        click.echo(f"{markdown.table(head, cells)}\n")
    else:
        render.table(head, cells, left=["leads"])
    if len({*map(str, told["ranges"][axis].values())}) > 1:
        click.echo(render.indented(f"measured: {span(told['ranges'][axis])}"))
    if axis == "flops":
        click.echo(render.indented(COUNTED))
    lines = [_difference(one, unit) for one in told["differences"][axis] if one["seeds"] != (1, 1)]
    lines += _crossings(told["crossings"][axis], unit)
    lines += [_reached(reached, unit) for reached in told["reaches"][axis]]
    for line in lines:
        click.echo(render.indented(line))


def _has_groups(told: Told) -> bool:
    return any(len(group["runs"]) > 1 for group in told["groups"].values())


def _values(row: Told, names: Sequence[str]) -> list[str]:
    values, errors = ([row[what][name] for name in names] for what in ("values", "standard_errors"))
    told = zip(render.apart(*values), errors, strict=True)
    return [value + (f" ({error:.2g})" if error is not None else "") for value, error in told]


def _difference(one: Told, unit: str) -> str:
    told = f"{one['a']} less {one['b']} at {position(one['at'])} {unit}: {_signed(one['difference'])}"
    a, b = one["seeds"]
    if one["low"] is None:
        told += ", not established: single seed"
    else:
        how = f"paired over {a} seeds" if one["how"] == "paired" else f"{a} and {b} runs, unpaired"
        told += f", 95 % from {_signed(one['low'])} to {_signed(one['high'])} ({how}): {one['verdict']}"
    if one["separated"] is None:
        return told
    better, worse = (a, b) if one["separated"] == one["a"] else (b, a)
    other = one["b"] if one["separated"] == one["a"] else one["a"]
    return (
        f"{told}; all {better} of {one['separated']} beat all {worse} of {other}, which without a difference happens "
        f"by chance once in {1 / one['chance']:.0f}"
    )


def _signed(value: float) -> str:
    return f"{'-' if value < 0 else '+'}{render.figure(abs(value))}"


def _crossings(found: list[dict[str, Any]], unit: str) -> list[str]:
    """A line for each crossing; those that noise does not tell apart share one."""
    lines = []
    for between, together in groupby(found, key=lambda one: one["between"]):
        crossings = list(together)
        if between is None:
            lines += [f"{one['leads_from_there']} passes at {position(one['at'])} {unit}" for one in crossings]
            continue
        places = ", ".join(position(one["at"]) for one in crossings[:3]) + (" ..." if len(crossings) > 3 else "")
        low, high = between
        within = f"{'the start' if low is None else position(low)} to {'the end' if high is None else position(high)}"
        last = crossings[-1]["leads_from_there"]
        lines.append(
            f"the means cross at {places} {unit}, {last} leads then; no difference is established from {within}"
        )
    return lines


def _reached(found: Told, unit: str) -> str:
    what = f"the last value of {found['reaches']} ({render.figure(found['value'])})"
    if found["at"] is None:
        return f"{found['run']} does not reach {what}"
    share = f", {found['share']:.2f} of what that took" if found["share"] is not None else ""
    return f"{found['run']} reaches {what} at {position(found['at'])} {unit}{share}"


def draw_bands(place: Path, told: Told) -> None:
    """Write a figure of the means over the first axis that was compared, each with the 95 % band of its seeds."""
    axis, groups = next((axis, groups) for axis, groups in told["bands"].items() if told["equal"][axis])
    drawing, axes = figure.blank(place)
    for name, band in groups.items():
        (line,) = axes.plot(band["at"], band["mean"], label=name, linewidth=1.4)
        if band["low"][0] is not None:
            axes.fill_between(band["at"], band["low"], band["high"], color=line.get_color(), alpha=0.2, linewidth=0)
    axes.set_xlabel(UNITS[axis])
    axes.set_ylabel(told["metric"])
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    figure.write(drawing, place)
