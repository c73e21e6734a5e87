"""`seqlab stop`: ask a run in another process to save and end."""

from __future__ import annotations

import time
from pathlib import Path

import click

from seqlab.cli import options

POLL_SECONDS = 0.1


@click.command()
@options.run_argument
@click.option("--timeout", metavar="SECONDS", type=float, default=120.0, show_default=True, help="How long to wait.")
@click.option("--no-wait", is_flag=True, help="Leave the request and return at once.")
@options.book_option
def command(name: str, timeout: float, no_wait: bool, runs: Path | None) -> None:
    """Ask a running run to save and end.

    It ends after its present step; the command waits for that.
    """
    from seqlab.cli.results import reached
    from seqlab.journal import LabBook

    run = LabBook(runs).open(name)
    run.request_stop()
    if no_wait:
        click.echo(f"{run.name} was asked to stop.")
        return
    until = time.monotonic() + timeout
    while (state := run.state()).name == "running":
        if time.monotonic() > until:
            raise click.ClickException(f"{run.name} has not ended within {timeout:g} s; the request stands.")
        time.sleep(POLL_SECONDS)
    further = "" if state.name == "finished" else f"; `seqlab resume {run.name}{options.flag_of_runs(runs)}` goes on"
    click.echo(f"{run.name} {state.name} at step {reached(run.metrics.step, run.summary) or 0:,}{further}.")
