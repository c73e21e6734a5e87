"""`seqlab rename`: give a run a better name."""

from __future__ import annotations

from pathlib import Path

import click

from seqlab.cli import options
from seqlab.journal import LabBook


@click.command()
@options.run_argument
@click.argument("new", metavar="NEW")
@options.book_option
def command(name: str, new: str, runs: Path | None) -> None:
    """Rename a run; its forks still know it by the old name."""
    run = LabBook(runs).rename(name, new)
    click.echo(f"{name} is now {run.name}")
