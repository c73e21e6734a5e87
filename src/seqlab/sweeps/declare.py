"""A sweep asked for: what is new of it goes into its record, and what would make its cells ambiguous is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from seqlab.journal.names import enumerated
from seqlab.spec import diff
from seqlab.sweeps.cells import Plan
from seqlab.sweeps.errors import SweepError
from seqlab.sweeps.record import Sweep, Trial
from seqlab.sweeps.select.groups import typed

__all__ = ["Declaration", "check_consistent", "declare"]


@dataclass(frozen=True)
class Declaration:
    """What a person said, kept with the trials that are new by it."""

    recipe: str | None = None
    file: Path | None = None
    """Of the recipe; its content is kept."""
    asked: Sequence[str] = ()
    """The knobs as they were typed."""
    seeds: int = 1
    tags: Sequence[str] = ()
    why: str | None = None
    argv: Sequence[str] = field(default_factory=list)


def declare(sweep: Sweep, plan: Plan, said: Declaration) -> list[Trial]:
    """Ask for the trials of a plan; returns those that are new. Raises SweepError, and then writes nothing."""
    check_consistent(sweep, plan)
    kept = _kept_file(said.file)
    told = {
        "recipe": said.recipe,
        "file": next(iter(kept), None),
        "asked": list(said.asked),
        "seeds": said.seeds,
        "tags": list(said.tags),
        "why": said.why,
        "argv": list(said.argv),
    }
    return sweep.extend(plan.trials, plan.experiments, told, {**plan.sources, **kept})


def _kept_file(file: Path | None) -> dict[str, bytes]:
    if file is None:
        return {}
    text = file.read_bytes()
    return {f"{sha256(text).hexdigest()[:12]}_{file.name}": text}


def check_consistent(sweep: Sweep, plan: Plan) -> None:
    """Raise SweepError where a sweep of this name has other knobs, or other experiments for the same settings."""
    known = {_key(trial.settings): trial for trial in sweep.trials().values()}
    for first in list(known.values())[:1]:
        _check_knobs(sweep, first.settings, plan.trials[0].settings)
    for trial in plan.trials:
        old = known.get(_key(trial.settings), trial)
        if old.cell != trial.cell:
            changes = diff(sweep.experiment(old.cell), plan.experiments[trial.cell])
            raise SweepError(
                f"the sweep {sweep.name} has a cell {_told(trial.settings)} already, whose experiment is another one"
                f"{_differences(changes)}; choose another --name, or vary that too"
            )


def _check_knobs(sweep: Sweep, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    if old.keys() != new.keys():
        had, has = (enumerated([f"`{path}`" for path in one]) or "nothing" for one in (old, new))
        raise SweepError(
            f"the sweep {sweep.name} varies {had} and this one {has}; name the same knobs, or choose another --name"
        )


def _key(settings: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((path, typed(value)) for path, value in settings.items()))


def _told(settings: Mapping[str, Any]) -> str:
    return " ".join(f"{path}={typed(value)}" for path, value in settings.items()) or "without knobs"


def _differences(changes: Mapping[str, tuple[Any, Any]]) -> str:
    told = [f"`{path}`: {typed(a)} there, {typed(b)} here" for path, (a, b) in changes.items()]
    return f" ({'; '.join(told[:3])}{' ...' if len(told) > 3 else ''})" if told else ""
