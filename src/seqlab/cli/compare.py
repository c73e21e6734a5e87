"""`seqlab compare`: runs at equal steps, tokens and wall time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from seqlab.cli import options, render
from seqlab.journal import JournalError, LabBook
from seqlab.journal.comparison import COMPARED, compared
from seqlab.journal.curves import UNITS, Axis, usual_metric


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="A B [C]...", type=options.RunName())
@click.option("--metric", metavar="NAME", help="What to compare [default: the held-out loss during training].")
@click.option(
    "--at", "axis", type=click.Choice([*COMPARED, "all"]), default="all", show_default=True, help="Equal what."
)
@options.as_json
@options.book_option
def command(names: tuple[str, ...], metric: str | None, axis: str, as_json: bool, runs: Path | None) -> None:
    """Compare runs at equal steps, tokens and wall time.

    Shows who leads at quarters of the range that all have, where one passes the other, and when one reaches the last
    value of another. Between measurements values are interpolated linearly.
    """
    if len(set(names)) < 2:
        raise JournalError("compare takes two runs or more, each once")
    book = LabBook(runs)
    found = [book.open(name) for name in names]
    axes: tuple[Axis, ...] = COMPARED if axis == "all" else tuple(one for one in COMPARED if one == axis)
    told = compared(found, metric or usual_metric(found[0]), axes)
    if as_json:
        render.json_out(told)
    else:
        _print(told)


def _print(told: dict[str, Any]) -> None:
    click.echo(click.style(told["metric"], bold=True))
    for axis, rows in told["equal"].items():
        unit = UNITS[axis]
        render.heading(f"At equal {unit}")
        cells = [
            [
                _place(row["at"]),
                *(render.figure(row["values"][name]) for name in told["runs"]),
                row["leader"] or "equal",
            ]
            for row in rows
        ]
        if cells:
            render.table([unit, *told["runs"], "leads"], cells, left=["leads"])
        else:
            click.echo("  no range in common")
        for crossing in told["crossings"][axis]:
            click.echo(f"  {crossing['leads_from_there']} passes at {_place(crossing['at'])} {unit}")
        for reached in told["reaches"][axis]:
            click.echo(f"  {_reached(reached, unit)}")
    render.heading("Verdict")
    click.echo(render.indented(told["verdict"]))
    for warning in told["warnings"]:
        click.secho(render.indented(f"! {warning}"), fg="yellow")


def _place(x: float) -> str:
    return f"{x:,.0f}" if x >= 100 or x == int(x) else render.figure(x)


def _reached(found: dict[str, Any], unit: str) -> str:
    what = f"the last value of {found['reaches']} ({render.figure(found['value'])})"
    if found["at"] is None:
        return f"{found['run']} does not reach {what}"
    return f"{found['run']} reaches {what} at {_place(found['at'])} {unit}, {found['share']:.2f} of what that took"
