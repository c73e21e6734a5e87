"""A training of which each process holds a share, as a checkpoint has it: put together, and shared out again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seqlab.train.checkpoint import Checkpoint
from seqlab.train.distributed import whole
from seqlab.train.sharding import like, write_shares
from seqlab.train.training import Training

__all__ = ["put_together", "state_as_held", "weights_as_held"]

Add = Callable[[Path | None], None]


def put_together(
    t: Training, weights: dict[str, Tensor], average: dict[str, Tensor] | None, state: dict[str, Any]
) -> tuple[dict[str, Tensor], dict[str, Tensor] | None, dict[str, Any], Add]:
    """What `write` takes: weights and average whole, in the first process alone; the state without the moments that
    are shared out; and what adds those. Every process must call this, and what it returns."""
    optimiser, moments = _parted(state["optimiser"])
    together = _whole(t, weights), _whole(t, average) if average is not None else None
    return *together, {**state, "optimiser": optimiser}, partial(_add, t, moments)


def _whole(t: Training, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    found = ((name, whole(tensor)) for name, tensor in tensors.items())
    return {name: tensor.cpu() for name, tensor in found if t.world.is_first}


def _parted(optimiser: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """An optimiser's saved state without what is shared out, and that, as `NUMBER.KEY`."""
    kept: dict[int, dict[str, Any]] = {}
    moments: dict[str, Tensor] = {}
    for index, memory in optimiser["state"].items():
        shared = {key: value for key, value in memory.items() if hasattr(value, "to_local")}
        kept[index] = {key: value for key, value in memory.items() if key not in shared}
        moments |= {f"{index}.{key}": value for key, value in shared.items()}
    return {**optimiser, "state": kept}, moments


def _add(t: Training, moments: dict[str, Tensor], draft: Path | None) -> None:
    """Write the shares of all processes into the folder that the first one made."""
    folder = t.world.told_by_first(draft)
    if moments and folder is not None:
        write_shares(folder, moments)


def weights_as_held(t: Training, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Whole weights, shared out as the model's are."""
    held = t.model.state_dict()
    return {name: like(tensor, held.get(name, tensor)) for name, tensor in weights.items()}


def state_as_held(t: Training, checkpoint: Checkpoint) -> dict[str, Any]:
    """A checkpoint's state, each moment shared out as its parameter is, however many processes wrote it."""
    parameters = [parameter.detach() for group in t.optimiser.param_groups for parameter in group["params"]]

    def place(name: str, size: torch.Size, dtype: torch.dtype) -> Tensor:
        parameter = parameters[int(name.partition(".")[0])]
        alike = parameter.shape == size
        return torch.zeros_like(parameter, dtype=dtype) if alike else torch.empty(size, dtype=dtype)

    state = checkpoint.state(place)
    moments = {
        index: {
            key: like(value, parameters[index]) if isinstance(value, Tensor) else value for key, value in kept.items()
        }
        for index, kept in state["optimiser"]["state"].items()
    }
    return {**state, "optimiser": {**state["optimiser"], "state": moments}}
