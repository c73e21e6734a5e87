"""`seqlab sweep`: from a recipe and knobs to many trained, recorded runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from seqlab.cli import options

if TYPE_CHECKING:
    from seqlab.journal import LabBook
    from seqlab.sweeps.record import Sweep


@click.command(options_metavar="[OPTIONS]")
@click.argument("recipe", required=False, metavar="RECIPE")
@click.argument("knobs", nargs=-1, metavar="[FIELD=VALUES]...")
@click.option("--name", metavar="SWEEP", help="Name of the sweep; that of an old one extends it [default: two words].")
@click.option("--seeds", metavar="N", type=click.IntRange(min=1), default=1, show_default=True, help="Seeds a cell.")
@click.option("--random", "draws", metavar="N", type=click.IntRange(min=1), help="So many random draws, no grid.")
@click.option("--continue", "known", metavar="SWEEP", type=options.SweepName(), help="Carry out what is left of it.")
@click.option("--retry", is_flag=True, help="Try again what failed, crashed, diverged or was stopped.")
@click.option("--on", "engine", metavar="ENGINE", default="local", show_default=True, help="Where: NAME or NAME:PLACE.")
@click.option("--slots", metavar="N", type=click.IntRange(min=1), help="Runs at a time [default: one a core or GPU].")
@click.option("--why", metavar="TEXT", help="Why; kept with every run.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="A word to find its runs by; may be repeated.")
@options.as_json
@options.book_option
def command(
    recipe: str | None, knobs: tuple[str, ...], name: str | None, seeds: int, draws: int | None, known: str | None,
    retry: bool, engine: str, slots: int | None, why: str | None, tags: tuple[str, ...], as_json: bool,
    runs: Path | None,
) -> None:  # fmt: skip
    """Train every combination of some fields' values, each with several seeds.

    FIELD=VALUES is `optim.lr=1e-3,1e-2`, or a range: `optim.lr=1e-4..1e-1:log:7`, `clip=0.5..1.5:3`; brackets hold a
    value with commas together. RECIPE may also be a function of yours that yields experiments: `./mine.py:grid`. It
    blocks until all runs have ended; the same --name again runs only what is new. Ctrl-C saves what runs, and
    `--continue` goes on.
    """
    from seqlab.cli.swept import conclude, display
    from seqlab.journal import LabBook
    from seqlab.sweeps import carry
    from seqlab.sweeps.executors import find_executor
    from seqlab.sweeps.record import Sweep

    if known is not None and (recipe is not None or name is not None):
        raise click.UsageError("--continue SWEEP goes on with what was asked for; leave RECIPE and --name out.")
    executor = find_executor(engine, slots)
    book = LabBook(runs)
    if known is not None:
        sweep = Sweep.open(book, known)
    elif recipe is not None:
        sweep = _declared(Sweep(book, name or _fresh(book)), recipe, knobs, seeds, draws, why, tags)
    else:
        raise click.UsageError("name a RECIPE and what to vary, such as demo:letters optim.lr=1e-3,1e-2.")
    if retry:
        carry.retry(sweep)
    with display(sweep, quiet=as_json) as shown:
        carry.carry_out_sweep(sweep, executor, shown)
    conclude(sweep, as_json, runs)


def _declared(
    sweep: Sweep, name: str, knobs: tuple[str, ...], seeds: int, draws: int | None, why: str | None,
    tags: tuple[str, ...],
) -> Sweep:  # fmt: skip
    """The sweep with all that is asked for in its record."""
    from seqlab.experiment import Experiment
    from seqlab.recipes import find_recipe
    from seqlab.sweeps import grid
    from seqlab.sweeps.cells import cells_of, vary
    from seqlab.sweeps.declare import Declaration, declare
    from seqlab.train.environment import command_line

    recipe = find_recipe(name)
    made, varied = recipe.experiments(), grid.parse_knobs(knobs)
    if isinstance(made, Experiment):
        settings = grid.draws(varied, draws) if draws is not None else grid.combinations(varied)
        plan = vary(made, settings, range(seeds))
    elif knobs or draws is not None:
        raise click.UsageError(f"{name} yields its experiments itself; vary them there, and give no knobs.")
    else:
        plan = cells_of(made, range(seeds))
    said = Declaration(recipe.name, recipe.file, knobs, seeds, tags, why, command_line())
    new = declare(sweep, plan, said)
    click.echo(f"{click.style(sweep.name, bold=True)}  {recipe.name}  {len(plan.trials)} runs, {len(new)} of them new")
    return sweep


def _fresh(book: LabBook) -> str:
    from seqlab.journal import names
    from seqlab.sweeps.record import sweeps

    return names.fresh(sweeps(book))
