"""What a person sees of a sweep: a line for each run that ends, a live line on a terminal, and what came of it all."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from seqlab.cli import options, render
from seqlab.cli.display import unseen
from seqlab.journal import LabBook
from seqlab.sweeps import carry
from seqlab.sweeps.queue import Queue, Standing
from seqlab.sweeps.record import Sweep, Trial, sweeps
from seqlab.sweeps.select.groups import typed
from seqlab.sweeps.select.knobs import varied
from seqlab.sweeps.watch import SweepWatch

__all__ = ["conclude", "display", "print_sweeps"]

LEFT = ("waiting", "running")
BROKEN = ("failed", "crashed")


class Lines(SweepWatch):
    """A line for everything that happens."""

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._total = len(sweep.trials())
        self.done = self._total - len(carry.missing(sweep))

    def message(self, text: str) -> None:
        with unseen():
            click.echo(text)

    def ended(self, trial: Trial, standing: Standing) -> None:
        self.done += standing.kind == "ended"
        told = f"{standing.run or trial.id} {standing.state or 'handed back'}  {self._settings(trial)}"
        self.message(f"{self.done}/{self._total}  {told}{f': {standing.evidence}' if standing.evidence else ''}")

    def _settings(self, trial: Trial) -> str:
        """What tells the trial from the others of the sweep."""
        differing = varied(list(self._sweep.settings().values()))
        own = {path: value for path, value in trial.settings.items() if path in differing}
        return " ".join(f"{path}={typed(value)}" for path, value in {**own, "seed": trial.seed}.items())


class Live(Lines):
    """The same above a live line: how many runs are done and running, and about how long the others will take."""

    def __init__(self, sweep: Sweep) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        super().__init__(sweep)
        self._began, self._at_first, self._running = time.monotonic(), self.done, 0
        columns = (BarColumn(), TextColumn("{task.completed}/{task.total} runs"), TextColumn("{task.description}"))
        self.bar = Progress(*columns, refresh_per_second=4)
        self._task = self.bar.add_task("starting", total=self._total, completed=self.done)

    def message(self, text: str) -> None:
        with unseen():
            self.bar.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def started(self, trial: Trial, standing: Standing) -> None:
        self._running += 1
        self._update()

    def ended(self, trial: Trial, standing: Standing) -> None:
        super().ended(trial, standing)
        self._running = max(0, self._running - 1)
        self._update()

    def _update(self) -> None:
        new = self.done - self._at_first
        each = (time.monotonic() - self._began) / new if new else None
        left = f", about {render.duration(each * (self._total - self.done))} left" if each else ""
        self.bar.update(self._task, completed=self.done, description=f"{self._running} running{left}")


@contextmanager
def display(sweep: Sweep, quiet: bool) -> Iterator[SweepWatch]:
    """Who watches a sweep: nobody where the output is JSON; a live line on a terminal."""
    if quiet:
        yield SweepWatch()
    elif not sys.stdout.isatty():
        yield Lines(sweep)
    else:
        shown = Live(sweep)
        with shown.bar:
            yield shown


def conclude(sweep: Sweep, as_json: bool, runs: Path | None) -> None:
    """Print what came of a sweep and end the process: 0 where every run has ended, 1 where some failed or crashed, 75
    where something is left to do."""
    counts = carry.counts(sweep)
    if as_json:
        render.json_out(told(sweep))
    else:
        flag = options.flag_of_runs(runs)
        click.echo(f"\n{click.style(sweep.name, bold=True)}  {_counted(sweep)}")
        render.heading("Next")
        if any(counts.get(state) for state in LEFT):
            click.echo(f"  seqlab sweep --continue {sweep.name}{flag}")
        click.echo(f"  seqlab select {sweep.name} --by 'min(val/loss)'{flag}")
        click.echo(f"  seqlab ls --where sweep={sweep.name}{flag}")
    left, broken = (any(counts.get(state) for state in states) for states in (LEFT, BROKEN))
    click.get_current_context().exit(os.EX_TEMPFAIL if left else 1 if broken else 0)


def print_sweeps(book: LabBook, as_json: bool) -> None:
    """Print every sweep of a lab book with how its runs stand."""
    found = [Sweep.open(book, name) for name in sweeps(book)]
    if as_json:
        render.json_out([{"sweep": sweep.name, "counts": dict(carry.counts(sweep))} for sweep in found])
    elif not found:
        click.echo(f"no sweep in {book.root}; `seqlab sweep demo:letters optim.lr=0.02,0.04 --seeds 2` makes one.")
    else:
        rows = [[one.name, str(len(one.trials())), _counted(one), _recipe(one)] for one in found]
        render.table(["name", "runs", "of which", "recipe"], rows, left=("name", "of which", "recipe"))


def _counted(sweep: Sweep) -> str:
    return ", ".join(f"{count} {state}" for state, count in carry.counts(sweep).items())


def _recipe(sweep: Sweep) -> str:
    return sweep.declarations()[0]["declared"].get("recipe") or ""


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
