"""What a person sees while a run trains: plain lines, or on a terminal a live line below them. Both are logged."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import click

from seqlab.cli import render
from seqlab.cli.results import Floors, standing
from seqlab.journal import Run
from seqlab.train.watch import Progress, Watch

__all__ = ["Display", "Logged", "display", "unseen"]

TOLD_WIDTH = 76
"""Columns of the live line that are not the bar."""


class Display(Watch):
    """Prints a line for everything that happens, and appends it to the attempt's stdout.log."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._floors: Floors = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held open."""

    def message(self, text: str) -> None:
        self.line(text)

    def floors(self, floors: Mapping[str, Mapping[str, float]]) -> None:
        self._floors = floors

    def metrics(self, progress: Progress, values: Mapping[str, float]) -> None:
        if "train/loss" in values:
            self.training(progress, values["train/loss"])
        else:
            self.line(f"step {_step(progress)}  {render.metrics_line(values)}")

    def training(self, progress: Progress, loss: float) -> None:
        """How training goes: a line of its own."""
        self.line(f"step {_step(progress)}  train {self.told(progress, loss)}")

    def told(self, progress: Progress, loss: float) -> str:
        """The loss, its place among the floors, speed, time left and memory."""
        left = f"{render.duration(progress.seconds_left)} left" if progress.seconds_left else ""
        rate, memory = render.per_second(progress.tokens_per_second), render.size(progress.memory_bytes)
        where = f"loss {render.figure(loss)} {standing(loss, self._floors)}".rstrip()
        return "  ".join(part for part in (where, rate, left, memory) if part)

    def line(self, text: str) -> None:
        """Print a line and log it."""
        with unseen():
            click.echo(text)
        self.log(text)

    @cached_property
    def _log_file(self) -> Path:
        folder: Path = self._run.attempts()[-1]["folder"]
        return folder / "stdout.log"

    def log(self, text: str) -> None:
        """Append a line to the log of the present attempt; a log that cannot be written stops no training."""
        with suppress(OSError, IndexError), self._log_file.open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")


class Logged(Display):
    """Prints nothing, for a command whose output is JSON."""

    def line(self, text: str) -> None:
        self.log(text)


class LiveDisplay(Display):
    """Training is one live line with a bar; evaluations and messages stay above it."""

    def __enter__(self) -> Self:
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        width = max(8, shutil.get_terminal_size().columns - TOLD_WIDTH)
        columns = (BarColumn(bar_width=width), TextColumn("{task.fields[step]}"), TextColumn("{task.description}"))
        self._bar: Any = Bar(*columns, refresh_per_second=4)
        self._task = self._bar.add_task("starting", step="", total=None)
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with unseen():
            self._bar.remove_task(self._task)  # the line has done its work: what stays is the record printed next
            self._bar.stop()

    def training(self, progress: Progress, loss: float) -> None:
        told = self.told(progress, loss)
        self._bar.update(
            self._task, completed=progress.step, total=progress.steps, step=_step(progress), description=told
        )
        self.log(f"step {_step(progress)}  train {told}")

    def line(self, text: str) -> None:
        with unseen():
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        self.log(text)


@contextmanager
def unseen() -> Iterator[None]:
    """Where nobody reads any more (a closed pipe, a lost terminal), printing ends and training goes on."""
    try:
        yield
    except OSError:
        with suppress(OSError, ValueError):  # a stand-in for stdout may have no descriptor
            stdout = sys.stdout.fileno()
            os.dup2(os.open(os.devnull, os.O_WRONLY), stdout)


def _step(progress: Progress) -> str:
    text = render.step_of(progress.step, progress.steps)
    return text.rjust(len(f"{progress.steps:,}") * 2 + 1) if progress.steps else text


def display(run: Run, plain: bool) -> Display:
    """A live line on a terminal, plain lines elsewhere or when asked for."""
    return Display(run) if plain or not sys.stdout.isatty() else LiveDisplay(run)
