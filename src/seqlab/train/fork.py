"""Forks: a new run goes on from another's checkpoint; changed settings are shown to have taken effect."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from seqlab.experiment import Experiment
from seqlab.journal import LabBook, Run
from seqlab.journal.checkpoints import fault, sha256
from seqlab.published import format_of
from seqlab.published.shared.files import read_tensors
from seqlab.spec import SpecError, did_you_mean, override
from seqlab.train.checkpoint import CheckpointError
from seqlab.train.effects import Effect, effects
from seqlab.train.forecast import refuse_beyond_quota
from seqlab.train.inherit import PARTS, inherit, inherit_weights, inheritable
from seqlab.train.load import experiment_of, pick_checkpoint
from seqlab.train.readback import LearningRates, learning_rates
from seqlab.train.start import Prepared, assembled
from seqlab.train.training import Training
from seqlab.train.trials import Trials

__all__ = ["Fork", "RatesBeside", "fork", "fork_file", "read_weights"]

PLACES = 5
"""Steps at which learning rates are told: where the fork begins, and at quarters of what is left."""


@dataclass(frozen=True)
class RatesBeside:
    """The learning rate of the parameters that share one, beside what it would be in the parent."""

    base: float
    """The rate that the parent's schedule scales."""
    rows: list[tuple[int, float, float]]
    """(step, the parent's, the fork's); beyond its budget the parent's last one holds."""

    @property
    def differ(self) -> bool:
        """Whether the fork's are others."""
        return any(old != new for _, old, new in self.rows)


@dataclass(frozen=True)
class Fork:
    """A fork in memory; nothing is written yet."""

    prepared: Prepared
    effects: list[Effect]
    rates: list[RatesBeside]
    """One for each distinct rate."""
    skipped: list[str]
    """A sentence for each newer checkpoint that could not be used."""


def fork(run: Run, step: int | None, changes: Iterable[str], wanted: Sequence[str] | None, book: LabBook) -> Fork:
    """Build a run that goes on from a checkpoint of another, its settings changed.

    wanted: the parts to inherit (PARTS); None: all that still mean the same. Raises SpecError for a change that did not
    take effect, CheckpointError for a checkpoint that is not there or does not fit.
    """
    parent, given = experiment_of(run), list(changes)
    child = override(parent, given)
    checkpoint, skipped = pick_checkpoint(run, step)
    parts = _parts(parent, child, wanted)
    prepared = assembled(child, book)
    refuse_beyond_quota(prepared.forecast)
    t = prepared.training
    inherit(t, checkpoint, parts)
    _must_have_something_left(t, run.name, checkpoint.step)

    def begin(beside: Training) -> None:
        possible = inheritable(parent, beside.experiment)
        inherit(beside, checkpoint, [part for part in possible if wanted is None or part in wanted])

    trials = Trials(parent, t, begin)
    found = effects(parent, child, given, trials.read)
    before = trials.rates(parent) if child != parent else learning_rates(t)
    start = {
        "kind": "fork",
        "run": run.name,
        "run_id": run.id,
        "step": checkpoint.step,
        "checkpoint": checkpoint.digest(),
        "inherited": parts,
        "took_effect": [str(effect) for effect in found],
    }
    return Fork(replace(prepared, start=start, has_begun=True), found, _rates_beside(before, t), skipped)


def fork_file(path: Path, experiment: Experiment, book: LabBook) -> Fork:
    """Build a run whose weights come from a checkpoint's folder or a file, of ours or of a published format; nothing
    else is inherited."""
    file, weights, digest = read_weights(path)
    published = format_of(weights)
    weights = weights if published is None else published.renamed(weights)
    prepared = assembled(experiment, book)
    refuse_beyond_quota(prepared.forecast)
    inherit_weights(prepared.training, weights)
    start = {
        "kind": "file",
        "run": str(file.absolute()),
        "step": 0,
        "checkpoint": digest,
        "inherited": ["weights"],
        "took_effect": [],
    }
    return Fork(replace(prepared, start=start, has_begun=True), [], [], [])


def read_weights(path: Path) -> tuple[Path, dict[str, Tensor], str]:
    """The file of weights at a path, a checkpoint's folder or the file itself; the weights, and the file's SHA-256."""
    told = fault(path) if path.is_dir() else None
    if told is not None:
        raise CheckpointError(f"the checkpoint {path} is not usable: {told}.")
    file = path / "model.safetensors" if path.is_dir() else path
    try:
        weights = read_tensors(file)
        digest = sha256(file)
    except Exception as error:  # safetensors raises classes of its own for damage, the system others for absence
        raise CheckpointError(f"cannot read weights from {file}: {error}") from error
    for name, tensor in weights.items():
        if not torch.isfinite(tensor).all():
            raise CheckpointError(f"`{name}` in {file} has values that are no numbers; nothing can go on from them.")
    return file, weights, digest


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


def _rates_beside(before: LearningRates, t: Training) -> list[RatesBeside]:
    """The rates of the parameters that train in both, by what the parent's and the fork's schedules scale."""
    after, last = learning_rates(t), max((t.steps or 0) - 1, t.step)
    steps = sorted({t.step + (last - t.step) * quarter // (PLACES - 1) for quarter in range(PLACES)})
    pairs = {(before.bases[name], base): None for name, base in after.bases.items() if name in before.bases}
    return [
        RatesBeside(old, [(step, before.at(old, step), after.at(new, step)) for step in steps]) for old, new in pairs
    ]
