"""`seqlab fork`: go on from a checkpoint with other settings, which are shown to have taken effect."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seqlab.cli import options, render

if TYPE_CHECKING:
    from seqlab.journal import LabBook, Run
    from seqlab.train.fork import Fork


@click.command()
@click.argument("source", metavar="RUN[@STEP]|FILE", type=options.RunName())
@click.argument("changes", nargs=-1, metavar="[FIELD=VALUE]...")
@click.option("--inherit", metavar="PART,...", help="What to take over [default: all that still means the same].")
@click.option("--recipe", metavar="RECIPE", help="The experiment, where the source is a checkpoint's folder or file.")
@click.option("--name", metavar="NAME", help="Name of the run [default: two words and a number].")
@click.option("--why", metavar="TEXT", help="Why this run is made; kept with it.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="A word to find the run by; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Show what is inherited and what takes effect; write nothing.")
@options.deadline
@click.option("--plain", is_flag=True, help="Plain lines instead of a live one, also on a terminal.")
@options.book_option
def command(
    source: str, changes: tuple[str, ...], inherit: str | None, recipe: str | None, name: str | None, why: str | None,
    tags: tuple[str, ...], dry_run: bool, deadline: float | None, plain: bool, runs: Path | None,
) -> None:  # fmt: skip
    """Train on from a run's checkpoint, as a new run with changed settings.

    The fork inherits weights, their average, the optimiser's moments, what the schedule remembers, the step and the
    place in the data, and the methods' statistics; `--inherit weights,progress` takes less. It goes on counting steps,
    so `budget.steps` is the total. Settings are applied after the state is loaded and read back from the live training;
    one that has no effect is refused, and nothing is written.
    """
    from seqlab.journal import LabBook

    book = LabBook(runs)
    if name is not None:
        book.check_free(name)
    parts = [part.strip() for part in inherit.split(",")] if inherit is not None else None
    made = _from_file(Path(source), recipe, changes, book) if recipe is not None else _of(source, changes, parts, book)
    _print(made)
    if dry_run:
        click.echo("\n(a dry run: nothing is written)")
        return
    run = _recorded(made, recipe, changes, name, why, tags)
    _train(made, run, plain, deadline, runs)


def _of(source: str, changes: Sequence[str], parts: Sequence[str] | None, book: LabBook) -> Fork:
    from seqlab.journal.names import at_step
    from seqlab.train.fork import fork

    if Path(source).is_file() or Path(source, "model.safetensors").is_file():
        raise click.UsageError(f"{source} is a file or folder: say which experiment its weights are of (--recipe).")
    name, step = at_step(source)
    return fork(book.open(name), step, changes, parts, book)


def _from_file(path: Path, recipe: str, changes: Sequence[str], book: LabBook) -> Fork:
    from seqlab.recipes import find_recipe
    from seqlab.spec import override
    from seqlab.train.fork import fork_file

    return fork_file(path, override(find_recipe(recipe).build(), changes), book)


def _print(made: Fork) -> None:
    start = made.prepared.start or {}
    click.echo(f"from {click.style(start['run'], bold=True)} at step {start['step']:,}")
    click.echo(f"  inherits {', '.join(start['inherited'])}")
    for effect in made.effects:
        click.echo(f"  {effect}")
    if made.changes_rates:
        rows = [[f"{step:,}", render.figure(old), render.figure(new)] for step, old, new in made.rates]
        render.heading("Learning rate")
        render.table(["step", "as it was", "from now on"], rows)


def _recorded(
    made: Fork, recipe: str | None, changes: tuple[str, ...], name: str | None, why: str | None, tags: tuple[str, ...]
) -> Run:
    from seqlab.audits.shared.gate import Auditor
    from seqlab.train.fork import begin_in
    from seqlab.train.start import record

    audits = Auditor().before(made.prepared.training)
    run = record(made.prepared, name=name, why=why, tags=tags, recipe=recipe, overrides=changes, audits=audits)
    begin_in(made.prepared, run)
    return run


def _train(made: Fork, run: Run, plain: bool, deadline: float | None, runs: Path | None) -> None:
    from seqlab.audits.shared.gate import Auditor
    from seqlab.cli.audited import counted, warnings
    from seqlab.cli.display import display, unseen
    from seqlab.cli.ending import conclude
    from seqlab.train.loop import train

    t, until = made.prepared.training, time.time() + 60 * deadline if deadline is not None else None
    with unseen():
        click.echo(f"\n{click.style(run.name, bold=True)}  {counted(run.audits['before'])}")
    with display(run, plain) as shown:
        for warning in warnings(run.audits["before"]):
            shown.message(warning)
        state = train(t, run, shown, until, Auditor())
    conclude(run, t, state, runs)
