"""What a person sees of a sweep: a line for each run that ends, a live line on a terminal, and what came of it all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from seqlab.cli import options, render
from seqlab.cli.display import unseen
from seqlab.sweeps import carry
from seqlab.sweeps.queue import Queue, Standing
from seqlab.sweeps.record import Sweep, Trial
from seqlab.sweeps.select.groups import typed
from seqlab.sweeps.watch import SweepWatch

__all__ = ["conclude", "display"]

LEFT = ("waiting", "running")
BROKEN = ("failed", "crashed")


class Lines(SweepWatch):
    """A line for everything that happens."""

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._total = len(sweep.trials())

    def message(self, text: str) -> None:
        with unseen():
            click.echo(text)

    def ended(self, trial: Trial, standing: Standing) -> None:
        counts = carry.counts(self._sweep)
        done = self._total - sum(counts.get(state, 0) for state in LEFT)
        state = standing.state or "handed back"
        told = f"{standing.run or trial.id} {state}  {_settings(trial)}"
        self.message(f"{done}/{self._total}  {told}{f': {standing.evidence}' if standing.evidence else ''}")


def _settings(trial: Trial) -> str:
    return " ".join(f"{path}={typed(value)}" for path, value in {**trial.settings, "seed": trial.seed}.items())


@contextmanager
def display(sweep: Sweep, quiet: bool) -> Iterator[SweepWatch]:
    """Who watches a sweep: nobody where the output is JSON."""
    yield SweepWatch() if quiet else Lines(sweep)


def conclude(sweep: Sweep, as_json: bool, runs: Path | None) -> None:
    """Print what came of a sweep and end the process: 0 where every run has ended, 1 where some failed or crashed, 75
    where something is left to do."""
    counts = carry.counts(sweep)
    if as_json:
        render.json_out(told(sweep))
    else:
        flag = options.flag_of_runs(runs)
        ended = ", ".join(f"{count} {state}" for state, count in counts.items())
        click.echo(f"\n{click.style(sweep.name, bold=True)}  {ended}")
        render.heading("Next")
        if any(counts.get(state) for state in LEFT):
            click.echo(f"  seqlab sweep --continue {sweep.name}{flag}")
        click.echo(f"  seqlab select {sweep.name} --by 'min(val/loss)'{flag}")
        click.echo(f"  seqlab ls --where sweep={sweep.name}{flag}")
    left, broken = (any(counts.get(state) for state in states) for states in (LEFT, BROKEN))
    click.get_current_context().exit(os.EX_TEMPFAIL if left else 1 if broken else 0)


def told(sweep: Sweep) -> dict[str, Any]:
    """A sweep as plain values."""
    standings = Queue(sweep).standings()
    return {
        "sweep": sweep.name,
        "folder": str(sweep.folder),
        "counts": dict(carry.counts(sweep)),
        "trials": [_trial(trial, standings.get(trial.id, Standing())) for trial in sweep.trials().values()],
    }


def _trial(trial: Trial, standing: Standing) -> dict[str, Any]:
    return {
        **trial.to_json(),
        "state": carry.state_of(standing),
        "evidence": standing.evidence,
        "run": standing.run,
    }
