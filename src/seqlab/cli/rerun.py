"""`seqlab rerun`: the same experiment again, from the record alone; did it come out the same?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqlab.cli import options, render

if TYPE_CHECKING:
    from seqlab.journal import Run
    from seqlab.train.sameness import Curve


@click.command()
@options.run_argument
@click.option("--name", "new_name", metavar="NAME", help="Name of the new run [default: two words and a number].")
@click.option("--why", metavar="TEXT", help="Why this run is made; kept with it.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="A word to find the run by; may be repeated.")
@click.option(
    "--tolerance", metavar="X", type=click.FloatRange(min=0), default=0.0, show_default=True,
    help="Largest absolute difference of a metric that counts as none; 0: bit for bit.",
)  # fmt: skip
@options.engine
@options.deadline
@click.option("--plain", is_flag=True, help="Plain lines instead of a live one, also on a terminal.")
@options.as_json
@options.book_option
def command(
    name: str, new_name: str | None, why: str | None, tags: tuple[str, ...], tolerance: float, engine: str,
    deadline: float | None, plain: bool, as_json: bool, runs: Path | None,
) -> None:  # fmt: skip
    """Carry out a run's experiment again, from its stored spec and source, as a new run.

    A fork begins again from the same checkpoint of its parent. Says what changed in versions and machine since, and at
    the end whether the curves are the same; the exit code is 1 when they differ. Data whose SHA-256 is another one is
    refused.
    """
    from seqlab.cli.training import carry_out
    from seqlab.journal import LabBook
    from seqlab.train.rerun import repeated
    from seqlab.train.sameness import curves

    book = LabBook(runs)
    old = book.open(name)
    if new_name is not None:
        book.check_free(new_name)
    prepared, changed = repeated(old, book)
    if not as_json:
        _print_changes(old, changed)
    run, state = carry_out(
        prepared, deadline, plain, engine=engine, quiet=as_json, name=new_name, why=why, tags=tags,
        recipe=old.origin.get("recipe"), overrides=old.origin.get("overrides", ()),
    )  # fmt: skip
    measured = curves(old, run, tolerance)
    if as_json:
        render.json_out(_to_json(old, run, state, changed, measured, tolerance))
    else:
        _print(old, run, state, measured, tolerance, options.flag_of_runs(runs))
    raise SystemExit(_exit_code(state, measured))


def _print_changes(old: Run, changed: list[str]) -> None:
    click.echo(f"again {click.style(old.name, bold=True)}, made {old.created[:10]}")
    for difference in changed or ["nothing that decides the bits has changed since"]:
        click.echo(f"  {difference}")


def _differs_from(measured: list[Curve]) -> int | None:
    """The first step at which any curve differs."""
    return min((curve.first_step for curve in measured if curve.first_step is not None), default=None)


def _compares(measured: list[Curve]) -> bool:
    """Whether there is any step that both have."""
    return any(curve.steps for curve in measured)


def _exit_code(state: str, measured: list[Curve]) -> int:
    from seqlab.journal.state import exit_code

    return exit_code(state) or (1 if _differs_from(measured) is not None else 0)


def _to_json(
    old: Run, run: Run, state: str, changed: list[str], measured: list[Curve], tolerance: float
) -> dict[str, Any]:
    return {
        "run": old.name,
        "rerun": run.name,
        "state": state,
        "step": run.summary["step"],
        "changed": changed,
        "same": _differs_from(measured) is None if _compares(measured) else None,
        "tolerance": tolerance,
        "curves": [curve._asdict() for curve in measured],
    }


def _print(old: Run, run: Run, state: str, measured: list[Curve], tolerance: float, flag: str) -> None:
    render.heading(f"{old.name} and {run.name} ({state})")
    rows = [
        [curve.metric, f"{curve.steps:,}", render.figure(curve.difference), f"{curve.first_step or ''}"]
        for curve in measured
    ]
    render.table(["", "steps compared", "largest difference", "differs from step"], rows, left=[""])
    told = _told(measured, tolerance)
    if state == "finished":
        click.echo(f"\n{told}; `seqlab same {old.name} {run.name}{flag}` compares the weights.")
        return
    click.echo(f"\n{run.name} {state} at step {run.summary['step']:,}: up to there {told}.")
    if state != "diverged":
        click.echo(
            f"`seqlab resume {run.name}{flag}` goes on; then `seqlab same {old.name} {run.name}{flag}` compares."
        )


def _told(measured: list[Curve], tolerance: float) -> str:
    first = _differs_from(measured)
    if first is not None:
        return f"the curves differ from step {first:,} on"
    if not _compares(measured):
        return "there is no step to compare"
    return f"the curves are the same{f' within {tolerance:g}' if tolerance else ', bit for bit'}"
