"""`seqlab archive`: put a run out of sight, or bring it back."""

from __future__ import annotations

from pathlib import Path

import click

from seqlab.cli import options
from seqlab.journal import LabBook


@click.command()
@options.run_argument
@click.option("--undo", is_flag=True, help="Bring it back.")
@options.book_option
def command(name: str, undo: bool, runs: Path | None) -> None:
    """Move a run to the archive: no longer listed, still opened by name."""
    book = LabBook(runs)
    run = book.unarchive(name) if undo else book.archive(name)
    click.echo(f"{run.name} is {'back in' if undo else 'archived in'} {run.folder.parent}")
