"""Runs of one setting over several seeds, together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqlab.journal import Run
from seqlab.journal.groups import RunGroup
from seqlab.report.sections.settings import differing, setting

__all__ = ["SETTINGS_SHOWN", "grouped", "seeds_of"]

SETTINGS_SHOWN = 6
"""Settings in the name of a group, or as columns of a table, at most."""


def grouped(runs: Sequence[Run]) -> list[RunGroup]:
    """The runs whose experiments differ in their seed alone, together, in the order of their first ones. A group is
    named by the settings in which it differs from the others; a run alone, and groups without, by the run's name."""
    together: dict[str, list[Run]] = {}
    for run in runs:
        together.setdefault(run.setting, []).append(run)
    paths = _telling([members[0] for members in together.values()])
    named: dict[str, RunGroup] = {}
    for members in together.values():
        name = _name(members[0], paths) if len(members) > 1 else members[0].name
        while name in named:
            name = f"{name} ({members[0].name})"
        named[name] = RunGroup(name, tuple(members))
    return list(named.values())


def _telling(runs: Sequence[Run]) -> list[str]:
    """The fewest settings that tell the runs apart, as far as a greedy choice finds them."""
    paths = differing(runs)
    values = {path: [setting(run.experiment, path) for run in runs] for path in paths}
    chosen: list[str] = []

    def kinds(more: str) -> int:
        return len(set(zip(*(values[path] for path in [*chosen, more]), strict=True)))

    while len(chosen) < SETTINGS_SHOWN and paths and (best := max(paths, key=kinds)) not in chosen:
        if chosen and kinds(best) == kinds(chosen[-1]):
            break
        chosen.append(best)
    return [path for path in paths if path in chosen]


def _name(run: Run, paths: Sequence[str]) -> str:
    told = {path: setting(run.experiment, path) for path in paths}
    words = [f"{path}={str(value).rpartition('/')[2]}" for path, value in told.items() if value is not None]
    return " ".join(words) or f"{run.name} and its other seeds"


def seeds_of(groups: Sequence[RunGroup]) -> str:
    """The seeds as a caption says them: `seeds 0, 1, 2`; each group's where they are not the same, or how many runs."""
    told = {group.name: _seeds(group) for group in groups}
    if len({*told.values()}) == 1:
        return next(iter(told.values()))
    return "; ".join(f"{name}: {seeds}" for name, seeds in told.items())


def _seeds(group: RunGroup) -> str:
    seeds: list[Any] = [run.experiment.get("seed") for run in group.runs]
    if None in seeds:
        return f"{len(seeds)} run{'s' * (len(seeds) > 1)}"
    return f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, sorted(seeds, key=str)))}"
