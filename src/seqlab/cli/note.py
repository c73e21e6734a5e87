"""`seqlab note`: write into the lab book what a run showed."""

from __future__ import annotations

from pathlib import Path

import click

from seqlab.cli import options
from seqlab.journal import LabBook
from seqlab.journal.notes import VERDICTS


@click.command()
@options.run_argument
@click.argument("text", default="", metavar="[TEXT]")
@click.option("--verdict", type=click.Choice(VERDICTS), help="What came of it; `bug` taints every descendant.")
@options.book_option
def command(name: str, text: str, verdict: str | None, runs: Path | None) -> None:
    """Add a note to a run, a verdict, or both; neither is ever changed, and the newest verdict counts."""
    run = LabBook(runs).open(name)
    run.note(text, verdict)
    click.echo(f"noted: {run.name} {verdict or ''}".rstrip())
