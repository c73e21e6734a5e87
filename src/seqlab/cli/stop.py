"""`seqlab stop`: ask a run in another process, or a whole sweep, to save and end."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import click

from seqlab.cli import options
from seqlab.journal import LabBook, Run
from seqlab.journal.errors import RunNotFound
from seqlab.sweeps.record import Sweep, sweeps
from seqlab.sweeps.stopping import ask_runs_to_stop, request_stop

POLL_SECONDS = 0.1


@click.command()
@click.argument("name", metavar="RUN|SWEEP", type=options.RunName())
@click.option("--timeout", metavar="SECONDS", type=float, default=120.0, show_default=True, help="How long to wait.")
@click.option("--no-wait", is_flag=True, help="Leave the request and return at once.")
@options.book_option
def command(name: str, timeout: float, no_wait: bool, runs: Path | None) -> None:
    """Ask a running run, or every run of a sweep, to save and end.

    A run ends after its present step; the command waits for that. A run that a sweep has queued is taken out of its
    queue. `seqlab sweep --continue` goes on with a stopped sweep.
    """
    book = LabBook(runs)
    try:
        run = book.open(name)
    except RunNotFound:
        if name not in sweeps(book):
            raise
        _stop_sweep(Sweep.open(book, name), None if no_wait else timeout, runs)
    else:
        _stop_run(book, run, None if no_wait else timeout, runs)


def _stop_sweep(sweep: Sweep, timeout: float | None, runs: Path | None) -> None:
    from seqlab.sweeps.engines.waiting import cancel_waiting

    request_stop(sweep)
    cancel_waiting(sweep)
    if timeout is None:
        ask_runs_to_stop(sweep)
        click.echo(f"{sweep.name} was asked to stop.")
        return
    _wait(lambda: ask_runs_to_stop(sweep) == 0, timeout, sweep.name)
    click.echo(f"{sweep.name} has stopped; `seqlab sweep --continue {sweep.name}{options.flag_of_runs(runs)}` goes on.")


def _stop_run(book: LabBook, run: Run, timeout: float | None, runs: Path | None) -> None:
    from seqlab.cli.results import reached
    from seqlab.sweeps.engines.waiting import ask_to_stop

    told, must_end = ask_to_stop(book, run)
    if timeout is None or not must_end:
        click.echo(told)
        return
    _wait(lambda: run.state().name != "running", timeout, run.name)
    state = run.state().name
    further = "" if state == "finished" else f"; `seqlab resume {run.name}{options.flag_of_runs(runs)}` goes on"
    click.echo(f"{run.name} {state} at step {reached(run.metrics.step, run.summary) or 0:,}{further}.")


def _wait(is_done: Callable[[], bool], timeout: float, name: str) -> None:
    until = time.monotonic() + timeout
    while not is_done():
        if time.monotonic() > until:
            raise click.ClickException(f"{name} has not ended within {timeout:g} s; the request stands.")
        time.sleep(POLL_SECONDS)
