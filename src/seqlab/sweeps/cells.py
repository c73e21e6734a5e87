"""The cells of a sweep as experiments, each known by its content: equal experiments are one, whoever asks for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from seqlab.spec import Part, SpecError, diff, from_json, id, override, to_json
from seqlab.spec.find import user_files_in
from seqlab.sweeps.errors import SweepError
from seqlab.sweeps.grid import setting
from seqlab.sweeps.record import Sweep, Trial

__all__ = ["Changed", "Plan", "cells_of", "changed", "experiment_of_cell", "vary"]

SEED_OF_A_CELL = 0
"""What stands for any seed where a cell is named by its content: to hash the data once a cell is enough."""


@dataclass(frozen=True)
class Plan:
    """The trials of a sweep, and the experiment of each cell, saved; a trial's own has another seed."""

    trials: list[Trial] = field(default_factory=list)
    experiments: dict[str, dict[str, Any]] = field(default_factory=dict)
    sources: dict[str, bytes] = field(default_factory=dict)
    """The user's files that their parts come from."""


@dataclass(frozen=True)
class Changed:
    """A cell made out of another one."""

    experiment: Part
    settings: Mapping[str, Any]
    """The knobs of the sweep as the new cell has them."""
    changes: Mapping[str, str]
    """What is another in the new cell: path -> text."""


def vary(base: Part, settings: Sequence[Mapping[str, str]], seeds: Iterable[int]) -> Plan:
    """A cell for each of the settings (path -> text), a trial for each cell and seed.

    Raises SpecError for a setting that cannot be, naming the cell, SweepError for two that come to one experiment.
    """
    named: dict[str, Mapping[str, str]] = {}
    cells: dict[str, tuple[Part, dict[str, Any]]] = {}
    for texts in settings:
        experiment = _varied(base, texts)
        cell = id(experiment)
        if cell in named:
            raise SweepError(f"{_told(named[cell])} and {_told(texts)} are the same experiment; leave one out")
        named[cell] = texts
        cells[cell] = experiment, {path: setting(text) for path, text in texts.items()}
    return _plan(cells, list(seeds))


def cells_of(experiments: Iterable[Part], seeds: Iterable[int]) -> Plan:
    """The same from experiments as a Python function yields them; what differs between them is their settings."""
    found = {id(one): one for one in (override(each, {"seed": SEED_OF_A_CELL}) for each in experiments)}
    if not found:
        raise SweepError("the function yielded no experiment; a sweep needs one at least")
    first, *others = found.values()
    paths = list(dict.fromkeys(path for other in others for path in diff(first, other)))
    cells = {cell: (one, {path: _at(to_json(one), path) for path in paths}) for cell, one in found.items()}
    return _plan(cells, list(seeds))


def changed(cells: Iterable[Changed], seeds: Iterable[int]) -> Plan:
    """The same from cells that there are, each with changes of its own. Raises SpecError for one that cannot be."""
    made = [(_varied(cell.experiment, cell.changes), dict(cell.settings)) for cell in cells]
    return _plan({id(experiment): (experiment, settings) for experiment, settings in made}, list(seeds))


def experiment_of_cell(sweep: Sweep, cell: str) -> Part:
    """The experiment of a cell as a value; parts from a user's file are loaded from the sweep's own copy."""
    return from_json(sweep.experiment(cell), sweep.folder / "source")


def _varied(base: Part, texts: Mapping[str, str]) -> Part:
    try:
        return override(base, {**texts, "seed": SEED_OF_A_CELL})
    except SpecError as error:
        raise SpecError(f"the cell {_told(texts)}: {error}") from None


def _plan(cells: Mapping[str, tuple[Part, dict[str, Any]]], seeds: Sequence[int]) -> Plan:
    plan = Plan()
    for cell, (experiment, settings) in cells.items():
        plan.experiments[cell] = to_json(_anchored(experiment))
        plan.sources.update({file.kept_name: file.text for file in user_files_in(experiment)})
        for seed in seeds:
            plan.trials.append(Trial(f"{cell}-{seed}", cell, seed, settings))
    return plan


def _anchored(experiment: Part) -> Part:
    """The experiment with its task's paths made absolute: it is carried out from any folder."""
    task = getattr(experiment, "task", None)
    return replace(experiment, task=task.anchored()) if task is not None else experiment  # type: ignore[type-var]


def _at(value: Any, path: str) -> Any:
    """What stands at a path of a saved experiment; a part by its name, None where there is nothing."""
    for key in path.split("."):
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value["part"] if isinstance(value, dict) and "part" in value else value


def _told(texts: Mapping[str, str]) -> str:
    return " ".join(f"{path}={text}" for path, text in texts.items())
