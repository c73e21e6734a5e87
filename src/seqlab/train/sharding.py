"""A model of which each of several processes holds a share of every tensor (FSDP2): torch's DTensors.

Only such a model needs this module, whose import takes most of a second. A checkpoint holds the weights whole, so that
anything can use them, and the optimiser's moments as torch.distributed.checkpoint writes them, which any number of
processes can read.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.checkpoint.filesystem import FileSystemReader, FileSystemWriter
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from seqlab.models import BlockModule
from seqlab.train.checkpoint import Place

__all__ = ["like", "read_shares", "shard", "write_shares"]


def shard(model: nn.Module) -> None:
    """Give each process its share of every parameter; a block's are gathered when it computes, and let go after."""
    for module in model.modules():
        if isinstance(module, BlockModule):
            fully_shard(module, reshard_after_forward=True)
    fully_shard(model, reshard_after_forward=True)


def like(tensor: Tensor, model: Tensor) -> Tensor:
    """A whole tensor, of which this process keeps the share that it has of `model`, where that is shared out."""
    if not isinstance(model, DTensor) or isinstance(tensor, DTensor) or tensor.shape != model.shape:
        return tensor
    moved = tensor.to(model.device)
    return distribute_tensor(moved, model.device_mesh, model.placements, src_data_rank=None)


def write_shares(folder: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors into a folder that is there, each process its shares. All processes must call it."""
    save(dict(tensors), storage_writer=FileSystemWriter(folder, sync_files=True))


def read_shares(folder: Path, place: Place | None = None) -> dict[str, Tensor]:
    """What `write_shares` wrote, whatever the number of processes then and now: into what `place` gives, by default
    whole tensors on the CPU. With several processes all must call it."""
    reader = FileSystemReader(folder)
    known = cast(dict[str, Any], reader.read_metadata().state_dict_metadata)
    tensors = {name: (place or _on_the_cpu)(name, about.size, about.properties.dtype) for name, about in known.items()}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.distributed is disabled", UserWarning)  # one process is no accident
        load(tensors, storage_reader=reader, no_dist=not dist.is_initialized())
    return tensors


def _on_the_cpu(name: str, size: torch.Size, dtype: torch.dtype) -> Tensor:
    return torch.empty(size, dtype=dtype)
