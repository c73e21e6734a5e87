"""A dry run of a sweep: every structure built, two steps of the whole pipeline of some of them, and what all will cost.

Cells that differ in rates and seeds are built alike, so one of each structure is. What is written, checkpoints and all,
goes into a temporary folder.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import torch

from seqlab.audits.shared.gate import Auditor
from seqlab.audits.shared.structure import structure
from seqlab.experiment import Budget, Distribution, Evaluation, Experiment, Snapshots
from seqlab.journal import LabBook
from seqlab.nn.units import hidden_units
from seqlab.spec import from_json
from seqlab.sweeps.cells import Plan
from seqlab.sweeps.costs import Costs, Measured, sum_up
from seqlab.sweeps.equivalent import content
from seqlab.sweeps.errors import SweepError
from seqlab.sweeps.record import Trial
from seqlab.sweeps.select.groups import typed
from seqlab.sweeps.slots import Slots
from seqlab.train.loop import train
from seqlab.train.start import Prepared, prepare, record
from seqlab.train.step import optimiser_step
from seqlab.train.worker import MISTAKES

__all__ = ["rehearse"]

SAMPLE = 4
"""Structures of which two steps are taken; the others are built, and forecast from these."""
STEPS = 2
PATIENCE_SECONDS = 60.0
"""After which the steps of a slow one are cut short: a stream of many tasks has two steps in each."""

INTERRUPTED = ("stopped", "preempted")
"""What a training has become that was asked to end by a signal."""


@dataclass(frozen=True)
class Cell:
    """The first trial of a structure, how many runs share it, and the experiments of all its cells, as told."""

    trial: Trial
    experiment: Experiment
    runs: int
    alike: Mapping[str, Experiment]

    @property
    def told(self) -> str:
        return _told(self.trial)


def _told(trial: Trial) -> str:
    """As one would type its settings."""
    return " ".join(f"{path}={typed(value)}" for path, value in trial.settings.items()) or "without knobs"


def rehearse(plan: Plan, trials: Sequence[Trial], book: LabBook, slots: Slots | None) -> Costs:
    """What some trials of a plan will cost, found by building and trying them.

    slots: those of this machine that they will fill; None: they run elsewhere, and are counted one after the other.
    Raises SweepError naming the cell that cannot be built, fails an audit, or breaks within its first steps.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(slots.threads if slots is not None else threads)
    try:
        measured = [
            _measured(cell, book, is_tried=index < SAMPLE) for index, cell in enumerate(_structures(plan, trials))
        ]
    finally:
        torch.set_num_threads(threads)
    return sum_up(measured, slots or Slots(1, threads))


def _structures(plan: Plan, trials: Sequence[Trial]) -> list[Cell]:
    """The first cell of each structure."""
    experiments: Mapping[str, Experiment] = {
        cell: cast(Experiment, from_json(plan.experiments[cell])) for cell in {trial.cell for trial in trials}
    }
    found: dict[str, Cell] = {}
    keys = {cell: json.dumps(structure(one), sort_keys=True) for cell, one in experiments.items()}
    for trial in trials:
        experiment, key = replace(experiments[trial.cell], seed=trial.seed), keys[trial.cell]
        first = found.get(key, Cell(trial, experiment, 0, {}))
        found[key] = replace(first, runs=first.runs + 1, alike={**first.alike, _told(trial): experiment})
    return list(found.values())


def _measured(cell: Cell, book: LabBook, is_tried: bool) -> Measured:
    try:
        prepared = prepare(cell.experiment, book.root)
        weights = dict(prepared.training.model.named_parameters())
        widths = {name: layer.width(weights) for name, layer in hidden_units(prepared.training.model).items()}
        contents = {told: content(experiment, widths) for told, experiment in cell.alike.items()}
        if not is_tried:
            return Measured(cell.runs, prepared.forecast, contents=contents)
        Auditor(by_structure=True).before(prepared.training)
        began = time.monotonic()
        _try(prepared)
        whole, step = time.monotonic() - began, _seconds_a_step(prepared)
    except MISTAKES as error:
        raise SweepError(f"the cell {cell.told} cannot be run: {error}") from error
    except Exception as error:
        raise SweepError(
            f"the cell {cell.told} breaks within its first steps ({type(error).__name__}: {error}); `seqlab run` with "
            "the same settings shows where"
        ) from error
    return Measured(cell.runs, prepared.forecast, step, max(0.0, whole - STEPS * step), contents)


def _try(prepared: Prepared) -> None:
    """Two steps in each task, with everything that a run does and writes.

    Raises KeyboardInterrupt when a signal asks it to end.
    """
    prepared.training.experiment = short = _short(prepared.experiment)
    with TemporaryDirectory(prefix="seqlab-") as folder:
        run = record(replace(prepared, experiment=short, book=LabBook(Path(folder))), name="rehearsal")
        deadline = time.time() + PATIENCE_SECONDS
        state = train(prepared.training, run, deadline=deadline, auditor=Auditor(by_structure=True))
    if state in INTERRUPTED:
        raise KeyboardInterrupt  # the training obeyed the signal; so must whoever rehearses
    prepared.training.experiment = prepared.experiment


def _short(experiment: Experiment) -> Experiment:
    """The experiment with two steps on one process, after each of which it measures, acts, evaluates and saves."""
    return replace(
        experiment,
        distribution=Distribution(),
        budget=Budget(steps=STEPS),
        evaluation=Evaluation(every_steps=1, log_every_steps=1),
        snapshots=Snapshots(every_steps=1, keep_last=1, keep_best=experiment.snapshots.keep_best),
        probes=tuple(replace(probe, every_steps=1) for probe in experiment.probes),
        methods=tuple(replace(method, every_steps=1, every_tasks=None) for method in experiment.methods),
    )


def _seconds_a_step(prepared: Prepared) -> float:
    """The faster of two further steps."""
    seconds = []
    for _ in range(2):
        began = time.perf_counter()
        optimiser_step(prepared.training)
        seconds.append(time.perf_counter() - began)
    return min(seconds)
