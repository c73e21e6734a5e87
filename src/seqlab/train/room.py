"""Memory and disk: what the backward pass keeps, and how much of both is free here."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor, nn

from seqlab.models import BlockModule

__all__ = ["activation_bytes", "available_memory", "free_disk"]


def activation_bytes(model: nn.Module, length: int, rows: int, dtype: torch.dtype, recomputed: bool) -> int:
    """Bytes that the backward pass of `rows` rows keeps: what one row takes, and each further one (filters are shared).

    Recomputing keeps the activations of one block, and the stream between blocks, which each block's count includes.
    """
    model.to(dtype).train()
    one, two = (_saved_bytes(model, count, length) for count in (1, 2))
    whole = one + (rows - 1) * (two - one)
    blocks = sum(isinstance(module, BlockModule) for module in model.modules()) if recomputed else 0
    return 2 * whole // blocks if blocks > 1 else whole


def _saved_bytes(model: nn.Module, rows: int, length: int) -> int:
    """Bytes of the tensors that autograd keeps of a forward pass, parameters left out."""
    parameters = {p.untyped_storage()._cdata for p in model.parameters()}
    held: dict[int, Tensor] = {}  # by storage; held, so that no address is used twice

    def keep(tensor: Tensor) -> Tensor:
        held.setdefault(tensor.untyped_storage()._cdata, tensor)
        return tensor

    device = next(model.parameters()).device
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        logits = model(torch.zeros(rows, length, dtype=torch.int64, device=device))
        total = logits.float().logsumexp(-1).sum()
    del total
    return sum(tensor.untyped_storage().nbytes() for place, tensor in held.items() if place not in parameters)


def available_memory(device: torch.device) -> int:
    """Bytes that can still be allocated on the device."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def free_disk(folder: Path) -> int:
    while not folder.exists():
        folder = folder.parent
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize
