"""Arguments and options that several commands take."""

from __future__ import annotations

import ipaddress
import shlex
from pathlib import Path
from typing import Any, NamedTuple

import click
from click.shell_completion import CompletionItem

__all__ = [
    "RunAt",
    "as_json",
    "book_option",
    "deadline",
    "engine",
    "flag_of_runs",
    "is_local",
    "must_start",
    "run_argument",
    "run_at_argument",
]


class RunAt(NamedTuple):
    """A run's name and the step of one of its checkpoints; None: the newest."""

    name: str
    step: int | None


class RunName(click.ParamType):  # type: ignore[type-arg]  # generic only in newer releases of click
    """The name of a run, completed by the shell from the lab book."""

    name = "run"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from seqlab.journal import LabBook

        names = [run.name for run in LabBook(ctx.params.get("runs")).runs()]
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


class SweepName(click.ParamType):  # type: ignore[type-arg]  # as above
    """The name of a sweep, completed by the shell from the lab book."""

    name = "sweep"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from seqlab.journal import LabBook
        from seqlab.sweeps.record import sweeps

        return [CompletionItem(name) for name in sweeps(LabBook(ctx.params.get("runs"))) if name.startswith(incomplete)]


class RunAtStep(RunName):
    """NAME or NAME@STEP."""

    name = "run[@step]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> RunAt:
        from seqlab.journal import JournalError
        from seqlab.journal.names import at_step

        try:
            return RunAt(*at_step(str(value)))
        except JournalError as error:
            self.fail(str(error), param, ctx)


run_argument = click.argument("name", metavar="RUN", type=RunName())
run_at_argument = click.argument("run_at", metavar="RUN[@STEP]", type=RunAtStep())
as_json = click.option("--json", "as_json", is_flag=True, help="Print strict JSON instead.")
engine = click.option(
    "--on", "engine", type=click.Choice(["local", "torchrun"]), default="local", show_default=True,
    help="torchrun: on as many processes of this machine as `distribution.processes` says.",
)  # fmt: skip
deadline = click.option(
    "--deadline", metavar="MINUTES", type=click.FloatRange(min=0, min_open=True),
    help="Save and end after so many minutes (exit code 75).",
)  # fmt: skip
book_option = click.option(
    "--runs", metavar="DIR", type=click.Path(file_okay=False, path_type=Path),
    help="The folder of the runs [default: SEQLAB_RUNS, else ./runs].",
)  # fmt: skip


def flag_of_runs(runs: Path | None) -> str:
    """What to add to a suggested command, so that it finds the same lab book."""
    return f" --runs {shlex.quote(str(runs))}" if runs is not None else ""


def must_start(processes: int, engine: str) -> None:
    """Raise UsageError where an experiment for several processes is to run in one, or the other way round."""
    if processes > 1 and engine != "torchrun":
        raise click.UsageError(f"this experiment asks for {processes} processes: add `--on torchrun`.")
    if processes == 1 and engine == "torchrun":
        raise click.UsageError("`--on torchrun` needs several processes: add `distribution.processes=2` or more.")


def is_local(host: str) -> bool:
    """Whether only this machine reaches a server that listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
