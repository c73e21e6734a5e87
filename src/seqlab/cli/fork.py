"""`seqlab fork`: go on from a checkpoint with other settings, which are shown to have taken effect."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqlab.cli import options, render

if TYPE_CHECKING:
    from seqlab.journal import LabBook
    from seqlab.train.fork import Fork, RatesBeside

Recorded = dict[str, Any]


@click.command()
@click.argument("source", metavar="RUN[@STEP]|FILE", type=options.RunName())
@click.argument("changes", nargs=-1, metavar="[FIELD=VALUE]...")
@click.option("--inherit", metavar="PART,...", help="What to take over [default: all that still means the same].")
@click.option("--recipe", metavar="RECIPE", help="The experiment, where the source is a checkpoint's folder or file.")
@click.option("--name", metavar="NAME", help="Name of the run [default: two words and a number].")
@click.option("--why", metavar="TEXT", help="Why this run is made; kept with it.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="A word to find the run by; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Show what is inherited and what takes effect; write nothing.")
@options.engine
@options.deadline
@click.option("--plain", is_flag=True, help="Plain lines instead of a live one, also on a terminal.")
@options.book_option
def command(
    source: str, changes: tuple[str, ...], inherit: str | None, recipe: str | None, name: str | None, why: str | None,
    tags: tuple[str, ...], dry_run: bool, engine: str, deadline: float | None, plain: bool, runs: Path | None,
) -> None:  # fmt: skip
    """Train on from a run's checkpoint, as a new run with changed settings.

    The fork inherits weights, their average, the optimiser's moments, what the schedule remembers, the step and the
    place in the data, and the methods' statistics; `--inherit weights,progress` takes less. It goes on counting steps,
    so `budget.steps` is the total. Settings are applied after the state is loaded and read back from the live training;
    one that has no effect is refused, and nothing is written.
    """
    from seqlab.cli.ending import conclude
    from seqlab.cli.training import carry_out
    from seqlab.journal import LabBook

    book = LabBook(runs)
    if name is not None:
        book.check_free(name)
    parts = [part.strip() for part in inherit.split(",")] if inherit is not None else None
    if recipe is None:
        made, recorded = _of(source, changes, parts, book)
    else:
        made, recorded = _from_file(source, recipe, changes, parts, book)
    _print(made)
    if dry_run:
        click.echo("\n(a dry run: nothing is written)")
        return
    click.echo()
    run, state = carry_out(
        made.prepared, deadline, plain, engine=engine, name=name, why=why, tags=tags, overrides=changes, **recorded
    )
    conclude(run, made.prepared.training, state, runs)


def _of(source: str, changes: Sequence[str], parts: Sequence[str] | None, book: LabBook) -> tuple[Fork, Recorded]:
    """The fork of a run, and what to record of where it comes from."""
    from seqlab.cli.overridden import say_set_back
    from seqlab.journal.names import at_step
    from seqlab.train.fork import fork
    from seqlab.train.load import experiment_of

    if _holds_weights(source):
        raise click.UsageError(f"{source} is a file or folder: say which experiment its weights are of (--recipe).")
    name, step = at_step(source)
    parent = book.open(name)
    made = fork(parent, step, changes, parts, book)
    say_set_back([(experiment_of(parent), made.prepared.training.experiment, changes)])
    return made, {"recipe": parent.origin.get("recipe")}


def _from_file(
    source: str, name: str, changes: Sequence[str], parts: Sequence[str] | None, book: LabBook
) -> tuple[Fork, Recorded]:
    """The fork of a file of weights, and what to record of where its experiment comes from."""
    from seqlab.cli.overridden import overridden
    from seqlab.recipes import find_recipe
    from seqlab.train.fork import fork_file

    if not _holds_weights(source) and _is_run(source, book):
        raise click.UsageError(f"{source} is a run and has its own experiment; leave out --recipe.")
    if parts is not None and parts != ["weights"]:
        raise click.UsageError(f"--inherit: from a file come `weights` and nothing else, not {', '.join(parts)}.")
    recipe = find_recipe(name)
    made = fork_file(Path(source), overridden(recipe.build(), changes), book)
    return made, {"recipe": recipe.name, "sources": {recipe.file.name: recipe.file.read_bytes()}}


def _holds_weights(source: str) -> bool:
    return Path(source).is_file() or Path(source, "model.safetensors").is_file()


def _is_run(source: str, book: LabBook) -> bool:
    from seqlab.journal import JournalError
    from seqlab.journal.names import at_step

    try:
        book.open(at_step(source)[0])
    except JournalError:
        return False
    return True


def _print(made: Fork) -> None:
    start = made.prepared.start or {}
    for sentence in made.skipped:
        click.echo(sentence)
    click.echo(f"from {click.style(start['run'], bold=True)} at step {start['step']:,}")
    click.echo(f"  inherits {', '.join(start['inherited'])}")
    for effect in made.effects:
        click.echo(f"  {effect}")
    changed = [rates for rates in made.rates if rates.differ]
    if changed:
        _print_rates(changed, len(made.rates) - len(changed))


def _print_rates(changed: Sequence[RatesBeside], others: int) -> None:
    """A table of steps with two columns for each distinct rate that changes."""
    of = [f" ({rates.base:g})" if others or len(changed) > 1 else "" for rates in changed]
    heads = ["step", *(f"{head}{which}" for which in of for head in ("as it was", "from now on"))]
    rows = [
        [f"{row[0][0]:,}", *(render.figure(rate) for _, *both in row for rate in both)]
        for row in zip(*(rates.rows for rates in changed), strict=True)
    ]
    render.heading("Learning rate")
    render.table(heads, rows)
    if others:
        click.echo("the rates of the other parameters stay as they were")
