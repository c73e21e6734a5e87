"""Forks: a new run goes on from another's checkpoint; changed settings are shown to have taken effect."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from seqlab.experiment import Experiment
from seqlab.journal import LabBook, Run
from seqlab.spec import SpecError, did_you_mean, diff, override
from seqlab.train.checkpoint import CheckpointError
from seqlab.train.forecast import refuse_beyond_quota
from seqlab.train.inherit import PARTS, inherit, inheritable
from seqlab.train.interventions import begin_interventions
from seqlab.train.load import experiment_of, pick_checkpoint
from seqlab.train.readback import in_force, rates
from seqlab.train.saving import load_weights, save
from seqlab.train.start import Prepared, assembled
from seqlab.train.training import Training

__all__ = ["Effect", "Fork", "begin_in", "fork", "fork_file"]


@dataclass(frozen=True)
class Effect:
    """A setting that changed, as read from the live training."""

    path: str
    old: Any
    new: Any

    def __str__(self) -> str:
        return f"{self.path} {_plain(self.old)} -> {_plain(self.new)} took effect"


@dataclass(frozen=True)
class Fork:
    """A fork in memory; nothing is written yet."""

    prepared: Prepared
    effects: list[Effect]
    rates: list[tuple[int, float, float]]
    """(step, learning rate without the changes, with them) from the fork on; beyond its budget the old one holds."""

    @property
    def changes_rates(self) -> bool:
        """Whether the learning rates are other than the parent's."""
        return any(old != new for _, old, new in self.rates)


def fork(run: Run, step: int | None, changes: Iterable[str], wanted: Sequence[str] | None, book: LabBook) -> Fork:
    """Build a run that goes on from a checkpoint of another, its settings changed.

    wanted: the parts to inherit (PARTS); None: all that still mean the same. Raises SpecError for a change that did not
    take effect, CheckpointError for a checkpoint that is not there or does not fit.
    """
    parent = experiment_of(run)
    given = list(changes)
    child = override(parent, given)
    checkpoint, _ = pick_checkpoint(run, step)
    parts = _parts(parent, child, wanted)
    prepared = assembled(child, book)
    refuse_beyond_quota(prepared.forecast)
    inherit(prepared.training, checkpoint, parts)
    _must_have_something_left(prepared.training, run.name, checkpoint.step)

    def beside(experiment: Experiment) -> Training:
        """The parent, perhaps with one change, at the same place, to be read beside the fork."""
        training = assembled(experiment, book).training
        inherit(training, checkpoint, inheritable(parent, experiment))
        training.step = prepared.training.step
        return training

    before = beside(parent)
    for change in given:
        _must_act_alone(parent, change, given, before, beside)
    effects = read_back(parent, child, before, prepared.training)
    start = {
        "kind": "fork",
        "run": run.name,
        "step": checkpoint.step,
        "checkpoint": checkpoint.digest(),
        "inherited": parts,
        "took_effect": [str(effect) for effect in effects],
    }
    return Fork(replace(prepared, start=start), effects, _both_rates(before, prepared.training))


def fork_file(path: Path, experiment: Experiment, book: LabBook) -> Fork:
    """Build a run whose weights come from a checkpoint's folder or a safetensors file; nothing else is inherited."""
    file = path / "model.safetensors" if path.is_dir() else path
    try:
        weights = load_file(file)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
    except Exception as error:  # safetensors raises classes of its own for damage, the system others for absence
        raise CheckpointError(f"cannot read weights from {file}: {error}") from error
    prepared = assembled(experiment, book)
    refuse_beyond_quota(prepared.forecast)
    begin_interventions(prepared.training)
    load_weights(prepared.training, weights)
    prepared.training.weights.restart_average()
    start = {
        "kind": "file",
        "run": str(file.absolute()),
        "step": 0,
        "checkpoint": digest,
        "inherited": ["weights"],
        "took_effect": [],
    }
    return Fork(replace(prepared, start=start), [], [])


def begin_in(prepared: Prepared, run: Run) -> None:
    """Write what was inherited as the first checkpoint of the fork, so that it never needs its parent again."""
    save(prepared.training, run.folder)


def _parts(parent: Experiment, child: Experiment, wanted: Sequence[str] | None) -> list[str]:
    possible = inheritable(parent, child)
    if wanted is None:
        return possible
    for name in wanted:
        if name not in PARTS:
            raise SpecError(f"--inherit: there is no part `{name}`; {did_you_mean(name, PARTS)}")
        if name not in possible:
            raise SpecError(
                f"--inherit: `{name}` cannot be taken over, since it belongs to another kind of part than the fork's "
                f"experiment has; possible: {', '.join(possible)}."
            )
    if "weights" not in wanted:
        raise SpecError("--inherit: a fork inherits at least `weights`; a run without them is a new run.")
    return [name for name in PARTS if name in wanted]


def _must_have_something_left(t: Training, name: str, step: int) -> None:
    if t.steps is not None and t.step >= t.steps:
        raise SpecError(
            f"the fork would begin at step {t.step:,}, where its budget of {t.steps:,} steps ends; give a larger one "
            f"(`budget.steps={2 * t.steps}`), or fork an earlier step ({name}@STEP)."
        )


def _must_act_alone(
    parent: Experiment, change: str, given: Sequence[str], before: Training, build: Callable[[Experiment], Training]
) -> None:
    """Raise SpecError for a change that has no effect by itself, beside another one of the same part that has one."""
    root = change.partition(".")[0].partition("=")[0]
    if sum(other.partition(".")[0].partition("=")[0] == root for other in given) < 2:
        return  # what is read back tells of it
    try:
        alone = override(parent, change)
    except SpecError:
        return  # it needs the others to be a spec at all
    if alone != parent:
        read_back(parent, alone, before, build(alone))


def read_back(parent: Experiment, child: Experiment, before: Training, after: Training) -> list[Effect]:
    """Every setting that differs, each shown to differ in the live objects. Raises SpecError for one that does not."""
    old, new = in_force(before), in_force(after)
    effects = []
    for path, (was, becomes) in diff(parent, child).items():
        field = path.partition(".")[0]
        if old[field] == new[field]:
            raise SpecError(
                f"`{path}` {_plain(was)} -> {_plain(becomes)} did not take effect: nothing in the training that "
                "continues depends on it any more (an initial law, say, when the weights come from the checkpoint); "
                "leave it out, or start a new run."
            )
        effects.append(Effect(path, was, becomes))
    return effects


def _both_rates(before: Training, after: Training) -> list[tuple[int, float, float]]:
    schedule, base = before.experiment.schedule, before.optimiser.param_groups[0]["initial_lr"]
    steps = before.steps or 0
    return [
        (step, schedule.lr(base, min(step, max(steps - 1, 0)), steps, before.schedule_memory), rate)
        for step, rate in rates(after)
    ]


def _plain(value: Any) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
