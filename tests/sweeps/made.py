"""How the tests make runs and sweeps: any curve, any ending, no training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from seqlab.journal import LabBook, Run
from seqlab.spec import Part
from seqlab.sweeps.cells import vary
from seqlab.sweeps.declare import Declaration, declare
from seqlab.sweeps.grid import combinations, parse_knobs
from seqlab.sweeps.queue import Queue
from seqlab.sweeps.record import Sweep, Trial

Line = Mapping[str, Any]


def made_run(
    book: LabBook, name: str, lines: Iterable[Line], state: str = "finished", floors: Mapping[str, Any] | None = None
) -> Run:
    """A run whose record has these lines: `step`, perhaps `epoch`, `task`, `tokens`, `wall_seconds`, and metrics."""
    run = book.create({"part": "experiment:Experiment", "seed": 0}, name=name, origin={})
    with run.attempt() as attempt:
        for line in lines:
            attempt.log(**line)
        attempt.summarise(floors=dict(floors or {}))
        attempt.finish(state)
    return run


def losses(*values: float, metric: str = "val/loss") -> list[Line]:
    """A line for each value, at steps 1, 2, ..."""
    return [{"step": step, metric: value} for step, value in enumerate(values, 1)]


def declared(book: LabBook, name: str, cells: Sequence[Mapping[str, Any]], seeds: Iterable[int]) -> Sweep:
    """A sweep of these settings, of which nothing has been run."""
    sweep = Sweep(book, name)
    chosen = list(seeds)
    trials = [
        Trial(f"cell{index}-{seed}", f"cell{index}", seed, settings)
        for index, settings in enumerate(cells)
        for seed in chosen
    ]
    sweep.extend(trials, {trial.cell: {"seed": 0} for trial in trials}, {"recipe": "made:up"})
    return sweep


def planned(book: LabBook, name: str, base: Part, knobs: Sequence[str], seeds: int) -> Sweep:
    """A sweep of an experiment over knobs, as `seqlab sweep` declares it."""
    sweep = Sweep(book, name)
    plan = vary(base, combinations(parse_knobs(knobs)), range(seeds))
    declare(sweep, plan, Declaration(recipe="made:up", asked=knobs, seeds=seeds))
    return sweep


def finished(
    book: LabBook, name: str, cells: Sequence[tuple[Mapping[str, Any], Sequence[float]]], metric: str = "val/loss"
) -> Sweep:
    """A sweep whose cells have these settings, and a run for each seed whose last value is the one given."""
    seeds = range(max(len(values) for _, values in cells))
    sweep = declared(book, name, [settings for settings, _ in cells], seeds)
    for index, (_, values) in enumerate(cells):
        for seed, value in enumerate(values):
            ran(sweep, f"cell{index}-{seed}", losses(9.0, value, metric=metric))
    return sweep


def ran(sweep: Sweep, trial: str, lines: Iterable[Line], **ending: Any) -> Run:
    """Carry out a trial: its run is called `SWEEP-TRIAL`."""
    run = made_run(sweep.book, f"{sweep.name}-{trial}", lines, **ending)
    Queue(sweep).started(sweep.trials()[trial], run.name, run.id)
    return run
