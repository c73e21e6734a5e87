"""A model out of a run: for generation, evaluation, and a person's own code."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from seqlab.data.signature import Signature
from seqlab.experiment import Experiment
from seqlab.journal import Run
from seqlab.spec import SpecError, from_json
from seqlab.train.checkpoint import Checkpoint, CheckpointError, checkpoints, latest

__all__ = ["experiment_of", "load_model", "made_elsewhere", "pick_checkpoint", "read_weights"]

TRIES = 20
"""How often the newest checkpoint may vanish while it is read."""


def experiment_of(run: Run) -> Experiment:
    """The experiment of a run; parts from a user's file are loaded from the run's own copy."""
    elsewhere = made_elsewhere(run)
    if elsewhere is not None:
        raise SpecError(elsewhere)
    return cast(Experiment, from_json(run.experiment, run.folder / "source"))


def made_elsewhere(run: Run) -> str | None:
    """Why a run cannot be gone on with: it was not made by seqlab's loop. None for one that was."""
    match run.origin.get("by"):
        case "open_run":
            made = f"{run.name} was made by a program with a loop of its own (open_run)"
            return f"{made}: only that program can train it on."
        case "import":
            return (
                f"{run.name} was imported from another program's log: it has numbers, and no experiment or weights to "
                "go on with."
            )
        case "fit":
            return (
                f"{run.name} was made by `seqlab fit`: it holds the couplings of one alignment, which `seqlab eval "
                f"{run.name} msa`, `seqlab sample` and `seqlab energies` take."
            )
    return None


def pick_checkpoint(run: Run, step: int | None = None) -> tuple[Checkpoint, list[str]]:
    """The checkpoint of a step, or the newest usable one and a sentence for each newer one that is not.

    Raises CheckpointError naming the steps there are. Safe while the run is training: a checkpoint is complete or
    not there.
    """
    if step is None:
        found, skipped = latest(run.folder)
        if found is None:
            state = run.state().name
            hint = "yet; the first comes within 20 steps or 30 s" if state == "running" else f"(it is {state})"
            raise CheckpointError(f"{run.name} has no usable checkpoint {hint}{_removed(run)}.")
        return found, skipped
    known = {checkpoint.step: checkpoint for checkpoint in checkpoints(run.folder)}
    if step not in known:
        raise CheckpointError(_not_kept(run, step, sorted(known)))
    fault = known[step].fault()
    if fault:
        raise CheckpointError(f"checkpoint {step} of {run.name} is not usable: {fault}.")
    return known[step], []


def _not_kept(run: Run, step: int, known: list[int]) -> str:
    gone = _removed(run, step)
    if not known:
        return f"{run.name} has no checkpoint at step {step}{gone}, nor at any other."
    nearest = min(known, key=lambda other: abs(other - step))
    steps = ", ".join(map(str, known))
    return (
        f"{run.name} has no checkpoint at step {step}{gone}; there are: {steps}; the nearest is {run.name}@{nearest}."
    )


def _removed(run: Run, step: int | None = None) -> str:
    """When `seqlab gc` took away the checkpoint of a step, or any at all, as the end of a sentence; else nothing."""
    for removal in reversed(run.removals()):
        if removal["what"] == "checkpoints" and (step is None or step in removal["steps"]):
            which = "it was" if step is not None else f"{', '.join(map(str, removal['steps']))} were"
            return f"; {which} removed on {removal['time'][:10]} by gc"
    return ""


def read_weights(run: Run, step: int | None = None) -> tuple[Checkpoint, dict[str, Tensor], list[str]]:
    """The checkpoint of a step, or the newest usable one, and its weights, the averaged ones where there are any, all
    of them as they were saved together; and a sentence for each newer one that cannot be used.

    The run may be training: where its rule removes the newest checkpoint while it is read, the one that followed is
    taken. Raises CheckpointError.
    """
    for _ in range(TRIES):
        checkpoint, skipped = pick_checkpoint(run, step)
        try:
            digest = checkpoint.digest()
            weights = checkpoint.weights(averaged=True)
            if checkpoint.digest() == digest:
                return checkpoint, weights, skipped
        except (OSError, RuntimeError):  # safetensors says RuntimeError of a file that is gone
            if checkpoint.fault() is None:
                raise
    raise CheckpointError(
        f"{run.name} removes its checkpoints faster than they can be read; set `snapshots.keep_last` or "
        "`snapshots.every_minutes` higher, or wait for its end."
    )


def load_model(run: Run, step: int | None = None, reach: int = 0) -> tuple[nn.Module, Checkpoint, list[str]]:
    """A run's model in evaluation mode, on the CPU, in the dtype of its master weights, with the averaged weights
    where there is an average; the checkpoint it comes from; and sentences about newer ones that were skipped.

    Needs no data: the sizes were recorded when the run was made. reach: an input's length that the model must take,
    perhaps beyond what it was trained on; only one whose weights do not depend on lengths can.
    """
    checkpoint, weights, skipped = read_weights(run, step)
    trained = Signature.from_json(run.origin["signature"])
    model = experiment_of(run).model.build(replace(trained, length=max(trained.length, reach)))
    if next(iter(weights.values())).dtype == torch.float64:
        model = model.double()
    try:
        model.load_state_dict(weights)
    except RuntimeError:
        if reach <= trained.length:
            raise
        raise CheckpointError(
            f"{run.name} was trained on inputs of up to {trained.length:,} and its weights depend on that; give one "
            f"that is no longer, not of {reach:,}."
        ) from None
    return model.eval(), checkpoint, skipped
