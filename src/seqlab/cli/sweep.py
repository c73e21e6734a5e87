"""`seqlab sweep`: from a recipe and knobs to many trained, recorded runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqlab.cli import options, render

if TYPE_CHECKING:
    from seqlab.journal import LabBook
    from seqlab.sweeps.executors import Executor
    from seqlab.sweeps.record import Sweep


@click.command(options_metavar="[OPTIONS]")
@click.argument("recipe", required=False, metavar="RECIPE")
@click.argument("knobs", nargs=-1, metavar="[FIELD=VALUES]...")
@click.option("--name", metavar="SWEEP", help="Name of the sweep; that of an old one extends it [default: two words].")
@click.option("--seeds", metavar="N", type=click.IntRange(min=1), default=1, show_default=True, help="Seeds a cell.")
@click.option("--random", "draws", metavar="N", type=click.IntRange(min=1), help="So many random draws, no grid.")
@click.option("--search", metavar="optuna", help="Let a search propose the cells, in place of a grid.")
@click.option("--trials", "cells", metavar="N", type=click.IntRange(min=1), help="With --search: cells in all.")
@click.option("--by", "rule", metavar="RULE", help="With --search: what is best, such as 'min(val/loss)'.")
@click.option("--continue", "known", metavar="SWEEP", type=options.SweepName(), help="Carry out what is left of it.")
@click.option("--retry", is_flag=True, help="Try again what failed, crashed, diverged or was stopped.")
@click.option(
    "--on",
    "engine",
    metavar="ENGINE",
    default="local",
    show_default=True,
    help="Where: local, ray:ADDRESS,cpus=2 or slurm:PARTITION,time=60,memory=4G, for example.",
)
@click.option("--slots", metavar="N", type=click.IntRange(min=1), help="Runs at a time [default: one a core or GPU].")
@click.option("--pack", metavar="N", type=click.IntRange(min=1), default=1, help="Train up to N alike runs as one.")
@click.option("--dry-run", is_flag=True, help="Build it, try two steps, say what all will cost; write nothing.")
@click.option("--why", metavar="TEXT", help="Why; kept with every run.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="A word to find its runs by; may be repeated.")
@options.as_json
@options.book_option
def command(
    recipe: str | None, knobs: tuple[str, ...], name: str | None, seeds: int, draws: int | None, search: str | None,
    cells: int | None, rule: str | None, known: str | None, retry: bool, engine: str, slots: int | None,
    pack: int, dry_run: bool, why: str | None, tags: tuple[str, ...], as_json: bool, runs: Path | None,
) -> None:  # fmt: skip
    """Train every combination of some fields' values, each with several seeds.

    FIELD=VALUES is `optim.lr=1e-3,1e-2`, or a range: `optim.lr=1e-4..1e-1:log:7`, `clip=0.5..1.5:3`; brackets hold a
    value with commas together. RECIPE may also be a function of yours that yields experiments: `./mine.py:grid`. It
    blocks until all runs have ended; the same --name again runs only what is new. Ctrl-C saves what runs, and
    `--continue` goes on.
    """
    from seqlab.cli.swept import conclude, display, print_sweeps
    from seqlab.journal import LabBook
    from seqlab.sweeps import carry
    from seqlab.sweeps.cells import experiment_of_cell
    from seqlab.sweeps.executors import find_executor
    from seqlab.sweeps.record import Sweep

    book = LabBook(runs)
    if known is not None and (recipe is not None or name is not None):
        raise click.UsageError("--continue SWEEP goes on with what was asked for; leave RECIPE and --name out.")
    if known is None and recipe is None:
        print_sweeps(book, as_json)
        return
    if search is not None and (cells is None or rule is None or dry_run or draws is not None):
        raise click.UsageError("--search goes with --trials N and --by RULE, without --random or --dry-run.")
    executor = find_executor(engine, slots, pack)
    if known is not None:
        sweep = Sweep.open(book, known)
        if executor.pack > 1 and not as_json:
            from seqlab.cli.planned_sweep import print_alone

            told = dict.fromkeys(one.cell for one in sweep.trials().values())
            print_alone(experiment_of_cell(sweep, cell) for cell in told)
    elif search is not None:
        from seqlab.cli.searched import carry_out_search

        sweep = Sweep(book, name or _fresh(book))
        carry_out_search(
            sweep, (str(recipe), knobs, seeds, tags, why), (search, str(rule), cells or 1), executor, as_json
        )
        conclude(sweep, as_json, runs)
    else:
        sweep = Sweep(book, name or _fresh(book))
        asked = str(recipe), knobs, seeds, draws, tags, why
        if not _declared(sweep, asked, executor, dry_run, as_json):
            return
    if retry:
        carry.retry(sweep)
    with display(sweep, quiet=as_json) as shown:
        carry.carry_out_sweep(sweep, executor, shown)
    conclude(sweep, as_json, runs)


def _declared(sweep: Sweep, asked: tuple[Any, ...], executor: Executor, dry_run: bool, as_json: bool) -> bool:
    """Plan, rehearse and write down what is asked for; False after a dry run, which writes nothing."""
    from seqlab.cli.planned_sweep import new_trials, planned, print_alone, print_cells, print_costs, rehearsed
    from seqlab.spec import from_json
    from seqlab.sweeps.declare import check_consistent, declare

    plan, said = planned(*asked)
    check_consistent(sweep, plan)
    new = new_trials(sweep, plan)
    costs = rehearsed(sweep, plan, new, executor)
    if dry_run and as_json:
        render.json_out({"sweep": sweep.name, "new": len(new), "costs": costs.to_json() if costs else None})
    elif not as_json:
        print_cells(sweep, plan)
        print_costs(costs)
        if executor.pack > 1:
            print_alone(from_json(saved) for saved in plan.experiments.values())
    if dry_run:
        return False
    declare(sweep, plan, said)
    if not as_json:
        click.echo(f"\n{click.style(sweep.name, bold=True)}  {said.recipe}  {len(plan.trials)} runs, {len(new)} new")
    return True


def _fresh(book: LabBook) -> str:
    from seqlab.journal import names
    from seqlab.sweeps.record import sweeps

    return names.fresh(sweeps(book))
