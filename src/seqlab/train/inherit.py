"""What a fork takes over from a checkpoint, part by part; its settings never come from there.

An optimiser's `load_state_dict` also brings back the settings of its parameter groups, and so undoes a new learning
rate. Here only the moments are taken over, by the names of their parameters, and compared bit for bit afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from seqlab.experiment import Experiment
from seqlab.train.checkpoint import Checkpoint, CheckpointError
from seqlab.train.interventions import begin_interventions
from seqlab.train.saving import load_weights
from seqlab.train.training import Training

__all__ = ["PARTS", "inherit", "inherit_weights", "inheritable"]

PARTS = ("weights", "average", "optimiser", "schedule", "progress", "methods")
"""What can be taken over: the weights, their running average, the optimiser's moments, what the schedule remembers,
step and place in the data, and the methods' statistics with the weights of step 0."""


def inheritable(parent: Experiment, child: Experiment) -> list[str]:
    """The parts that mean in the child what they meant in the parent."""
    kept = ["weights"]
    if child.averaging is not None and parent.averaging is not None:
        kept.append("average")
    if type(parent.optim) is type(child.optim):
        kept.append("optimiser")
    if type(parent.schedule) is type(child.schedule):
        kept.append("schedule")
    kept.append("progress")
    if [type(method) for method in parent.methods] == [type(method) for method in child.methods]:
        kept.append("methods")
    return kept


def inherit(t: Training, checkpoint: Checkpoint, parts: Sequence[str]) -> None:
    """Give a new training these parts of a checkpoint. Raises CheckpointError for what does not fit."""
    state = checkpoint.state()
    inherit_weights(t, checkpoint.weights(averaged="average" not in parts and t.weights.average is None))
    if "average" in parts:
        t.weights.load_average(checkpoint.weights(averaged=True))
    if "optimiser" in parts:
        _inherit_moments(t, state["optimiser"])
        t.loss_scale.load_state_dict(state["loss_scale"])
    if "schedule" in parts:
        t.schedule_memory = state["schedule"]
    if "progress" in parts:
        t.step, t.tokens, t.epoch = state["step"], state["tokens"], state["epoch"]
    if "methods" in parts:
        t.method_statistics = [{name: value.to(t.device) for name, value in kept.items()} for kept in state["methods"]]
        t.initial = {name: value.to(t.device) for name, value in state["initial"].items()} or t.initial


def inherit_weights(t: Training, weights: dict[str, Tensor]) -> None:
    """Give a new training these weights and nothing else. Raises CheckpointError for what does not fit."""
    begin_interventions(t)
    load_weights(t, weights)
    t.weights.restart_average()
    t.frozen_digest = t.digest_frozen()


def _inherit_moments(t: Training, saved: Mapping[str, Any]) -> None:
    """The optimiser's state of each parameter, by its name; the settings of its groups stay the experiment's."""
    kept = {name: saved["state"][index] for name, index in _places(saved).items() if index in saved["state"]}
    live = t.optimiser.state_dict()
    places = _places(live)
    missing = sorted(places.keys() - kept.keys())
    if kept and missing:
        raise CheckpointError(
            f"the checkpoint has no optimiser state of `{missing[0]}`; fork without it (`--inherit weights,progress`)."
        )
    state = {index: kept[name] for name, index in places.items() if name in kept}
    t.optimiser.load_state_dict({"state": state, "param_groups": live["param_groups"]})
    restored = t.optimiser.state_dict()["state"]
    for name, index in places.items():
        if name in kept and not _equal(restored.get(index, {}), kept[name]):
            raise CheckpointError(
                f"the optimiser's state of `{name}` is not what the checkpoint holds after it was loaded: this "
                "optimiser restores nothing; fork without it (`--inherit weights,progress`)."
            )


def _places(saved: Mapping[str, Any]) -> dict[str, Any]:
    """Parameter name -> its number in a saved optimiser."""
    return {
        name: index
        for group in saved["param_groups"]
        for name, index in zip(group["names"], group["params"], strict=True)
    }


def _equal(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    return a.keys() == b.keys() and all(
        torch.equal(a[key].cpu(), b[key].cpu()) if isinstance(a[key], Tensor) else a[key] == b[key] for key in a
    )
