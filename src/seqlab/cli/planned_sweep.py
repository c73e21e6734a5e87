"""What a command asks of a sweep: its plan, the cells as a table, and what they will cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import cast

import click

from seqlab.cli import render
from seqlab.cli.overridden import say_set_back
from seqlab.experiment import Experiment
from seqlab.journal import names
from seqlab.recipes import find_recipe
from seqlab.spec import Part, override
from seqlab.sweeps import grid
from seqlab.sweeps.cells import Plan, cells_of, vary
from seqlab.sweeps.costs import Costs, refuse_what_cannot_fit
from seqlab.sweeps.declare import Declaration
from seqlab.sweeps.executors import Executor
from seqlab.sweeps.packing import told_alone
from seqlab.sweeps.queue import Queue, Standing
from seqlab.sweeps.record import Sweep, Trial
from seqlab.sweeps.rehearsal import rehearse
from seqlab.sweeps.select.groups import typed
from seqlab.train.environment import command_line

__all__ = ["new_trials", "planned", "print_alone", "print_cells", "print_costs", "rehearsed"]

STANDINGS = ("new", "missing", "present")


def planned(
    name: str, knobs: Sequence[str], seeds: int, draws: int | None, tags: Sequence[str], why: str | None
) -> tuple[Plan, Declaration]:
    """The trials that a recipe and knobs ask for, and what is kept of how they were asked for."""
    recipe = find_recipe(name)
    made, varied = recipe.experiments(), grid.parse_knobs(knobs)
    if isinstance(made, Experiment):
        settings = grid.draws(varied, draws) if draws is not None else grid.combinations(varied)
        plan = vary(made, settings, range(seeds))
        typed_in = [[f"{path}={text}" for path, text in cell.items()] for cell in settings]
        say_set_back((made, override(made, cell), cell) for cell in typed_in)
    elif knobs or draws is not None:
        raise click.UsageError(f"{name} yields its experiments itself; vary them there, and give no knobs.")
    else:
        plan = cells_of(made, range(seeds))
    return plan, Declaration(recipe.name, recipe.file, knobs, seeds, tags, why, command_line())


def new_trials(sweep: Sweep, plan: Plan) -> list[Trial]:
    """The trials of a plan that the sweep does not have."""
    known = sweep.trials()
    return [trial for trial in plan.trials if trial.id not in known]


def rehearsed(sweep: Sweep, plan: Plan, new: list[Trial], executor: Executor) -> Costs | None:
    """What the new runs will cost, refused where they cannot fit; None where every cell was rehearsed before."""
    if {trial.cell for trial in new} <= {trial.cell for trial in sweep.trials().values()}:
        return None
    room = executor.room(len(new), plan.experiments.values())
    costs = rehearse(plan, new, sweep.book, room)
    refuse_what_cannot_fit(costs, elsewhere=room is None)
    return costs


def print_cells(sweep: Sweep, plan: Plan) -> None:
    """Print every cell of a plan with how many of its runs are new, missing (asked for, and not there) and present."""
    standings, known = Queue(sweep).standings(), sweep.trials()

    def standing(trial: Trial) -> str:
        if trial.id not in known:
            return "new"
        return "present" if standings.get(trial.id, Standing()).kind == "ended" else "missing"

    counts = Counter((trial.cell, standing(trial)) for trial in plan.trials)
    cells = {trial.cell: trial.settings for trial in plan.trials}
    paths = list(next(iter(cells.values())))
    rows = [
        [*(typed(settings[path]) for path in paths), *(str(counts[cell, one] or "") for one in STANDINGS)]
        for cell, settings in cells.items()
    ]
    render.heading(f"{len(cells)} cells, {len(plan.trials)} runs")
    render.table([*paths, *STANDINGS], rows)


def print_alone(experiments: Iterable[Part]) -> None:
    """Print what can be in no pack, of the experiments of a sweep's cells."""
    for sentence in told_alone([cast(Experiment, one) for one in experiments]):
        click.echo(f"\n  {sentence}")


def print_costs(costs: Costs | None) -> None:
    """Print the forecast of a sweep, where one was made."""
    if costs is None:
        return
    render.heading("Forecast")
    render.pairs(
        [
            ("runs", f"{costs.runs} of {costs.structures} structures, of which {costs.tried} were tried"),
            ("slots", f"{costs.slots} at a time"),
            ("time", f"about {render.duration(costs.seconds)}" if costs.seconds is not None else ""),
            ("memory", f"{render.size(costs.memory_bytes)} of {render.size(costs.memory_available)} free"),
            ("disk", f"{render.size(costs.disk_bytes)} of {render.size(costs.disk_available)} free"),
        ]
    )
    if costs.equivalent:
        render.heading("Equivalent: cells whose methods do the same to units that are always active")
    for cells in costs.equivalent:
        click.echo(f"  {names.enumerated(cells)}")
