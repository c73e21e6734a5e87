"""`seqlab tail`: the newest metrics of a run, and those to come."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from seqlab.cli import options, render
from seqlab.journal import LabBook, Run
from seqlab.journal.digest import number, read_metrics

POLL_SECONDS = 0.5


@click.command()
@options.run_argument
@click.option(
    "-n", "count", metavar="LINES", type=click.IntRange(min=0), default=10, show_default=True, help="How many."
)
@click.option("-f", "--follow", is_flag=True, help="Go on until the run has ended.")
@options.book_option
def command(name: str, count: int, follow: bool, runs: Path | None) -> None:
    """Print the newest metric lines of a run."""
    run = LabBook(runs).open(name)
    end = run.metrics.digest().offset
    for record in run.metrics.tail(count):
        _print(record, run)
    if follow:
        with suppress(KeyboardInterrupt):  # the way out of a follower, and no accident
            _follow(run, end)


def _follow(run: Run, end: int) -> None:
    """Print what is appended, until nobody trains the run any more."""
    while True:
        running = run.state().name == "running"  # asked before reading, so that the last lines are not missed
        lines = read_metrics(run.folder / "metrics.jsonl", end)
        end = lines.end
        for record in lines.records:
            _print(record, run)
        if not running:
            state = run.state()
            click.echo(f"{run.name} {state.name}: {state.evidence}")
            return
        time.sleep(POLL_SECONDS)


def _print(record: dict[str, Any], run: Run) -> None:
    if "resumed_from" in record:
        step = record["resumed_from"]
        click.echo(f"attempt {record['attempt']} {f'goes on from step {step:,}' if step is not None else 'begins'}")
        return
    values = {name: number(value) for name, value in record.items() if "/" in name}
    steps = run.summary.get("steps")
    click.echo(f"step {render.step_of(record['step'], steps)}  {render.metrics_line(values)}")
