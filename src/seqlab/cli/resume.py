"""`seqlab resume`: go on with a run that was stopped, preempted, killed or crashed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seqlab.cli import options

if TYPE_CHECKING:
    from seqlab.train.training import Training


@click.command()
@options.run_argument
@options.engine
@options.deadline
@click.option("--plain", is_flag=True, help="Plain lines instead of a live one, also on a terminal.")
@options.book_option
def command(name: str, engine: str, deadline: float | None, plain: bool, runs: Path | None) -> None:
    """Continue a run from its newest usable checkpoint.

    It is the same run in a new attempt; on a CPU its numbers are those of a run that never stopped.
    """
    from seqlab.journal import LabBook

    run = LabBook(runs).open(name)
    if run.state().name == "finished":
        click.echo(f"{run.name} is finished; there is nothing to resume. `seqlab show {run.name}` shows it.")
        return
    from seqlab.audits.shared.gate import Auditor
    from seqlab.cli.display import display
    from seqlab.cli.ending import conclude
    from seqlab.train.load import experiment_of
    from seqlab.train.start import assembled, resume
    from seqlab.train.torchrun import train_together

    with display(run, plain) as shown:
        until = time.time() + 60 * deadline if deadline is not None else None
        if engine == "torchrun":
            state = train_together(run, shown, until)
            training: Training | None = assembled(experiment_of(run), LabBook(runs)).training
        else:
            training, state = resume(run, shown, until, Auditor())
    if training is not None:
        conclude(run, training, state, runs)
