"""`seqlab trace`: one reset of a run, step by step and unit by unit."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seqlab.cli import options, render
from seqlab.cli.options import RunAt

if TYPE_CHECKING:
    from seqlab.train.tracing import Event, TracedUnit


@click.command()
@options.run_at_argument
@click.option("--method", metavar="NAME", help="Its name in metrics, such as snr [default: the first of hidden units].")
@click.option(
    "--layer", metavar="LAYER", help="The layer, such as blocks.0.channel.up [default: the first that is hit]."
)
@click.option(
    "--units", "shown", metavar="N", type=click.IntRange(min=1), default=3, show_default=True,
    help="How many of the units that were reset are shown.",
)  # fmt: skip
@click.option(
    "--steps", "most", metavar="N", type=click.IntRange(min=1), default=500, show_default=True,
    help="How many steps after the checkpoint it waits for a reset.",
)  # fmt: skip
@options.as_json
@options.book_option
def command(
    run_at: RunAt, method: str | None, layer: str | None, shown: int, most: int, as_json: bool, runs: Path | None
) -> None:
    """Show one reset of a run, unit by unit.

    Training goes on from a checkpoint, in memory, to the first reset after it: what the method remembered of each unit
    that it reset and of those that it spared, and what became of weights and moments. Nothing of the run changes.
    """
    from seqlab.journal import LabBook
    from seqlab.train.tracing import traced

    event = traced(LabBook(runs).open(run_at.name), run_at.step, method, layer, most)
    if as_json:
        render.json_out(asdict(event) if event is not None else None)
    elif event is None:
        click.echo(
            f"no unit was reset in {most:,} steps after the checkpoint; try more `--steps`, or another RUN@STEP."
        )
    else:
        _print(run_at.name, event, shown)


def _print(run: str, event: Event, shown: int) -> None:
    title = f"{event.method} at step {event.step:,} of {run}"
    click.echo(f"{click.style(title, bold=True)}  (from the checkpoint of step {event.checkpoint:,}, in memory)")
    if event.steps is not None and event.step > event.steps:
        click.echo(
            f"  beyond its budget: the run ends at step {event.steps:,}, and training went on here to find a reset"
        )
    click.echo(f"  {event.layer}: {len(event.reset)} of {event.units} units are reset")
    for name, count in event.elsewhere.items():
        click.echo(f"  {name}: {count} by the same act")
    for unit in event.reset[:shown]:
        _print_unit(unit)
    if len(event.reset) > shown:
        click.echo(f"\n  and {len(event.reset) - shown} more (`--units`)")
    if event.spared:
        render.heading(f"The {event.units - len(event.reset)} units that it spared")
        rows = [(name, *map(render.figure, values)) for name, values in event.spared.items()]
        render.table(["", "least", "median", "greatest"], rows, left=[""])
    others = "are bit for bit as they were" if event.untouched else "HAVE CHANGED"
    click.echo(f"\n  all weights and moments of other units {others}")


def _print_unit(unit: TracedUnit) -> None:
    render.heading(f"Unit {unit.unit}")
    rows = [(name, *map(render.figure, values)) for name, values in unit.remembered.items()]
    rows += [(f"norm of {name}", *map(render.figure, values)) for name, values in unit.tensors.items()]
    render.table(["", "before", "after"], rows, left=[""])
