"""A sweep whose cells a search proposes, a few at a time, by what those before came to."""

from __future__ import annotations

import click

from seqlab.cli.planned_sweep import rehearsed
from seqlab.cli.swept import display
from seqlab.experiment import Experiment
from seqlab.recipes import find_recipe
from seqlab.sweeps import carry, grid
from seqlab.sweeps.cells import vary
from seqlab.sweeps.declare import Declaration, check_consistent, declare
from seqlab.sweeps.executors import Executor
from seqlab.sweeps.record import Sweep
from seqlab.sweeps.rules import parse
from seqlab.sweeps.search import search_named
from seqlab.train.environment import command_line

__all__ = ["carry_out_search"]

ELSEWHERE = 8
"""Runs at a time on an engine that does not say how many it has room for."""


def carry_out_search(
    sweep: Sweep,
    asked: tuple[str, tuple[str, ...], int, tuple[str, ...], str | None],
    wanted: tuple[str, str, int],
    executor: Executor,
    as_json: bool,
) -> None:
    """Carry out a search until the sweep has so many cells, or somebody stops it.

    asked: recipe, knobs, seeds, tags and why. wanted: which search, by which rule, and how many cells.
    """
    name, knobs, seeds, tags, why = asked
    recipe, varied = find_recipe(name), grid.parse_knobs(knobs)
    search = search_named(wanted[0], varied, parse(wanted[1]))
    base = recipe.build()
    said = Declaration(recipe.name, recipe.file, knobs, seeds, tags, why, command_line())
    _carry_out(sweep, executor, as_json)
    while not carry.missing(sweep) and (left := wanted[2] - _cells(sweep)) > 0:
        plan = vary(base, search.propose(sweep, min(left, _at_once(executor, base, seeds))), range(seeds))
        if not plan.trials:
            click.echo("every cell that these knobs allow has been tried", err=as_json)
            return
        check_consistent(sweep, plan)
        if not sweep.trials():
            rehearsed(sweep, plan, plan.trials, executor)
        declare(sweep, plan, said)
        _carry_out(sweep, executor, as_json)


def _carry_out(sweep: Sweep, executor: Executor, as_json: bool) -> None:
    with display(sweep, quiet=as_json) as shown:
        carry.carry_out_sweep(sweep, executor, shown)


def _cells(sweep: Sweep) -> int:
    return len({trial.cell for trial in sweep.trials().values()})


def _at_once(executor: Executor, base: Experiment, seeds: int) -> int:
    """How many cells to ask for at a time: as many as can run together."""
    room = executor.room(ELSEWHERE, [{"device": base.device}])
    slots = room.count if room is not None else executor.slots or ELSEWHERE
    return max(1, slots // seeds)
