"""From a training in memory to a checkpoint, and back, so that going on is bit-equal to never having stopped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from seqlab.train.checkpoint import Checkpoint, CheckpointError, prune, write
from seqlab.train.training import Training

__all__ = ["fill", "give_weights", "load_weights", "restore", "save"]


def save(t: Training, run_folder: Path, must_be_ours: Callable[[], None] = lambda: None) -> int:
    """Write a checkpoint of the present step and prune the old ones; returns its bytes.

    `must_be_ours` is called before anything there changes, and raises when the run is no longer this process's. Of
    several processes the first one writes; the others help where the weights are shared out.
    """
    add: Callable[[Path | None], None] = _nothing
    weights, average, state = t.model.state_dict(), t.weights.average, _state(t)
    if t.is_shared_out:
        from seqlab.train.shared import put_together

        weights, average, state, add = put_together(t, weights, average, state)
    if not t.world.is_first:
        add(None)
        return 0
    _, size = write(run_folder, t.step, weights, state, average, must_be_ours, add)
    must_be_ours()
    snapshots = t.experiment.snapshots
    best = [step for _, step in t.best.values()]
    prune(run_folder, t.step, snapshots.keep_last, best, snapshots.keep_every_steps)
    return size


def _nothing(draft: Path | None) -> None:
    """What there is to add to a checkpoint of one process."""


def _state(t: Training) -> dict[str, Any]:
    return {
        "step": t.step,
        "tokens": t.tokens,
        "epoch": t.epoch,
        "seconds": t.training_seconds(),
        "optimiser": t.optimiser.state_dict(),
        "loss_scale": t.loss_scale.state_dict(),
        "schedule": t.schedule_memory,
        "methods": t.method_statistics,
        "method_reports": t.method_reports,
        "probes": t.probe_memories,
        "best": {name: list(value) for name, value in t.best.items()},
        "frozen_digest": t.frozen_digest,
        "shares": dict(t.shares.seconds),
        "initial": t.initial,
    }


def restore(t: Training, checkpoint: Checkpoint) -> None:
    """Put a training back to where the checkpoint was taken."""
    load_weights(t, checkpoint.weights())
    averaged, state = checkpoint.weights(averaged=True), {}
    if t.is_shared_out:
        from seqlab.train.shared import state_as_held, weights_as_held

        averaged, state = weights_as_held(t, averaged), state_as_held(t, checkpoint)
    t.weights.load_average(averaged)
    state = state or checkpoint.state()
    t.step, t.tokens, t.epoch, t.seconds = state["step"], state["tokens"], state["epoch"], state["seconds"]
    t.optimiser.load_state_dict(state["optimiser"])
    t.loss_scale.load_state_dict(state["loss_scale"])
    t.schedule_memory = state["schedule"]
    t.method_statistics = [
        {name: tensor.to(t.device) for name, tensor in statistics.items()} for statistics in state["methods"]
    ]
    reports = state.get("method_reports", {})  # a checkpoint of an earlier version has none
    t.method_reports = {name: tensor.to(t.device) for name, tensor in reports.items()}
    if "probes" in state:  # a checkpoint of an earlier version has none
        t.probe_memories = [{name: value.to(t.device) for name, value in memory.items()} for memory in state["probes"]]
    t.best = {name: (value, step) for name, (value, step) in state["best"].items()}
    t.frozen_digest = state["frozen_digest"]
    t.shares.seconds.update(state["shares"])
    t.initial = {name: tensor.to(t.device) for name, tensor in state["initial"].items()}


def give_weights(t: Training, weights: dict[str, Tensor]) -> None:
    """Let a training begin with the weights of another's checkpoint."""
    load_weights(t, weights)
    t.weights.restart_average()


def load_weights(t: Training, weights: dict[str, Tensor]) -> None:
    """Give the model these weights; raises CheckpointError naming the first tensor that does not fit."""
    if t.is_shared_out:
        from seqlab.train.shared import weights_as_held

        weights = weights_as_held(t, weights)
    fill(t.model, weights)
    t.inherited = True
    t.weights.publish()


def fill(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Give a model these weights, strictly; raises CheckpointError naming the first tensor that does not fit."""
    wanted = {name: tensor.shape for name, tensor in model.state_dict().items()}
    for name, shape in wanted.items():
        if name not in weights:
            raise CheckpointError(f"the checkpoint has no tensor `{name}`; it is of another model.")
        if weights[name].shape != shape:
            raise CheckpointError(
                f"`{name}` is {tuple(weights[name].shape)} in the checkpoint and {tuple(shape)} in the model."
            )
    extra = sorted(weights.keys() - wanted.keys())
    if extra:
        raise CheckpointError(
            f"the checkpoint has a tensor `{extra[0]}` that the model has not; it is of another model."
        )
    with torch.no_grad():
        model.load_state_dict(weights)
