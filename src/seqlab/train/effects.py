"""Which settings of a fork take effect: each is tried alone, at the place where the fork begins."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from seqlab.data import DataError
from seqlab.experiment import Experiment
from seqlab.spec import SpecError, diff, override
from seqlab.train.checkpoint import CheckpointError
from seqlab.train.readback import Reading

__all__ = ["Effect", "effects"]

TOOK_EFFECT = "took effect"

BESIDE_THE_STEPS = {
    "evaluation": "will be used; no step depends on it",
    "snapshots": "will be used; no step depends on it",
    "probes": "will be used; no step depends on it",
    "accept": "will be used; no step depends on it",
    "distribution": "will be used; the numbers are the same, but for rounding",
    "updates_per_call": "will be used; the numbers are the same",
    "clip": "will be used; the gradients of the tried steps are smaller",
    "budget.minutes": "will be used; the clock decides",
}
"""What is said of settings that may act without a trace in the steps that are tried."""

Read = Callable[[Experiment], Reading]
"""Lets an experiment begin where the fork does, and reads what it does."""


@dataclass(frozen=True)
class Effect:
    """A setting that changed, and what is known of its effect."""

    path: str
    old: Any
    new: Any
    told: str = TOOK_EFFECT

    def __str__(self) -> str:
        return f"{self.path} {_plain(self.old)} -> {_plain(self.new)} {self.told}"


def effects(parent: Experiment, child: Experiment, changes: Sequence[str], read: Read) -> list[Effect]:
    """What every change does. Raises SpecError for one that does nothing."""
    final = diff(parent, child)
    found: dict[str, Effect] = {}
    for change in changes:
        for effect in _of(change, parent, child, changes, read):
            if effect.path not in final or final[effect.path][1] == effect.new:  # else a later change overrules it
                found.setdefault(effect.path, effect)
    return list(found.values())


def _of(change: str, parent: Experiment, child: Experiment, changes: Sequence[str], read: Read) -> list[Effect]:
    """What one change does: alone, else as the last of all; with the others where it cannot be without them."""
    idle: list[tuple[Experiment, Experiment]] = []
    for old, new in _alone(change, parent, child, changes):
        try:
            acts = old != new and read(old) != read(new)
        except (CheckpointError, SpecError, DataError, ValueError, RuntimeError):
            continue  # without the others it does not go on from this checkpoint
        if acts:
            return _effects(old, new)
        idle.append((old, new))
    if not idle:
        if read(parent) != read(child):
            return _effects(parent, child)
        idle.append((parent, child))
    changed = [(old, new) for old, new in idle if old != new]
    if not changed:
        return []  # it was so before
    told = _beside_the_steps(change.partition("=")[0].strip(), changed[0][1])
    if told is None:
        raise SpecError(_refusal(*changed[0]))
    return _effects(*changed[0], told)


def _alone(
    change: str, parent: Experiment, child: Experiment, changes: Sequence[str]
) -> Iterator[tuple[Experiment, Experiment]]:
    """Experiments between which this change is the only one: at the parent, and at the child."""
    with suppress(SpecError):  # it needs the others to be a spec at all
        yield parent, override(parent, change)
    with suppress(SpecError):  # the others need it
        yield override(parent, [other for other in changes if other != change]), child


def _effects(old: Experiment, new: Experiment, told: str = TOOK_EFFECT) -> list[Effect]:
    return [Effect(path, was, becomes, told) for path, (was, becomes) in diff(old, new).items()]


def _beside_the_steps(path: str, new: Experiment) -> str | None:
    """What to say of a setting that leaves no trace in steps and yet may act; None for one that cannot."""
    root, _, field = path.partition(".")
    if root == "schedule" and new.schedule.watches_evaluations():
        return "will be used; the evaluations to come decide"
    if root == "task" and field in new.task.located():
        return "is used; the data there is the same"
    return BESIDE_THE_STEPS.get(path) or BESIDE_THE_STEPS.get(root)


def _refusal(old: Experiment, new: Experiment) -> str:
    path, (was, becomes) = next(iter(diff(old, new).items()))
    return (
        f"`{path}` {_plain(was)} -> {_plain(becomes)} did not take effect: nothing in the training that continues "
        "depends on it any more (as on an initial law when the weights come from a checkpoint, or on a warm-up that is "
        "over); leave it out, or start a new run."
    )


def _plain(value: Any) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
