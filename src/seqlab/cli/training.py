"""From a prepared experiment to a trained run, audited, recorded and shown, for `run`, `fork` and `rerun`."""

from __future__ import annotations

import time
from typing import Any

import click

from seqlab.audits.shared.gate import Auditor
from seqlab.cli import render
from seqlab.cli.audited import counted, warnings
from seqlab.cli.display import Logged, display, unseen
from seqlab.cli.options import must_start
from seqlab.journal import Run
from seqlab.train.loop import train
from seqlab.train.start import Prepared, record
from seqlab.train.torchrun import train_together

__all__ = ["carry_out"]


def carry_out(
    prepared: Prepared,
    deadline: float | None,
    plain: bool,
    *,
    engine: str = "local",
    quiet: bool = False,
    **recorded: Any,
) -> tuple[Run, str]:
    """Audit an experiment, record it and train it; the run, and the state in which it ended.

    deadline: minutes of training. engine: where, as `--on` says it. quiet: print nothing. recorded: what `record` takes
    beside the experiment. Raises UsageError where the engine does not start as many processes as it asks for.
    """
    must_start(prepared.experiment.distribution.processes, engine)
    t, auditor = prepared.training, Auditor()
    run = record(prepared, audits=auditor.before(t), **recorded)
    if not quiet:
        with unseen():
            click.echo(_headline(run, prepared))
    until = time.time() + 60 * deadline if deadline is not None else None
    with Logged(run) if quiet else display(run, plain) as shown:
        for warning in warnings(run.audits["before"]):
            shown.message(warning)
        if engine == "torchrun":
            return run, train_together(run, shown, until)
        return run, train(t, run, shown, until, auditor)


def _headline(run: Run, prepared: Prepared) -> str:
    t = prepared.training
    told = (
        click.style(run.name, bold=True),
        run.origin["recipe"],
        f"{render.count(prepared.forecast.parameters)} parameters",
        f"{t.device.type} {str(t.dtype).removeprefix('torch.')}",
        counted(run.audits["before"]),
    )
    return "  ".join(part for part in told if part)
