"""`seqlab compare`: runs at equal steps, tokens and wall time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from seqlab.cli import options, render
from seqlab.journal import JournalError, LabBook
from seqlab.journal.comparison import COMPARED, compared, position, span
from seqlab.journal.curves import UNITS, Axis, usual_metric
from seqlab.journal.taint import taints


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
    book = LabBook(runs)
    found = [book.open(name) for name in names]
    if len({run.name for run in found}) < max(2, len(names)):
        raise JournalError("compare takes two runs or more, each once and with a name of its own")
    axes: tuple[Axis, ...] = COMPARED if axis == "all" else tuple(one for one in COMPARED if one == axis)
    tainted = taints(book.everything())
    told = compared(found, metric or usual_metric(*found), axes, tainted)
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
                position(row["at"]),
                *(render.figure(row["values"][name]) for name in told["runs"]),
                row["leader"] or "equal",
            ]
            for row in rows
        ]
        if cells:
            render.table([unit, *told["runs"], "leads"], cells, left=["leads"])
        else:
            click.echo("  no range in common")
        if len({*told["ranges"][axis].values()}) > 1:
            click.echo(render.indented(f"measured: {span(told['ranges'][axis])}"))
        for crossing in told["crossings"][axis]:
            click.echo(f"  {crossing['leads_from_there']} passes at {position(crossing['at'])} {unit}")
        for reached in told["reaches"][axis]:
            click.echo(f"  {_reached(reached, unit)}")
    for axis, why in told["left_out"].items():
        render.heading(f"At equal {UNITS[axis]}")
        click.echo(render.indented(f"left out: {why}"))
    render.heading("Verdict")
    click.echo(render.indented(told["verdict"]))
    for warning in told["warnings"]:
        click.secho(render.indented(f"! {warning}"), fg="yellow")


def _reached(found: dict[str, Any], unit: str) -> str:
    what = f"the last value of {found['reaches']} ({render.figure(found['value'])})"
    if found["at"] is None:
        return f"{found['run']} does not reach {what}"
    share = f", {found['share']:.2f} of what that took" if found["share"] is not None else ""
    return f"{found['run']} reaches {what} at {position(found['at'])} {unit}{share}"
