"""Super-batches: many structures of many lengths in one step, cut by what each part really allocates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

__all__ = ["Footprint", "cut", "footprint", "saved_bytes"]

SITES = 64
"""The length at which a model is measured, and half of it: its kernels are then those of longer structures."""


class Footprint(NamedTuple):
    """Bytes that a forward pass keeps for the backward pass: N (sites + M sequences) + N^2 pairs for each of B
    structures of N residues with M sequences."""

    sites: float
    sequences: float
    pairs: float

    def bytes(self, structures: int, length: int, rows: int) -> float:
        """Of a part padded to `length`."""
        return structures * length * (self.sites + self.sequences * rows + self.pairs * length)


def footprint(model: nn.Module, features: int, longest: int) -> Footprint:
    """Measured by what autograd keeps, so that it holds for any layers, heads and precision, up to `longest` residues.
    Draws nothing."""
    long = max(min(SITES, longest), 2)
    short = long // 2
    one, many = saved_bytes(model, features, short, 1), saved_bytes(model, features, short, 9)
    longer = saved_bytes(model, features, long, 1)
    sequences = max((many - one) / (8 * short), 0.0)
    pairs = max((longer / long - one / short) / (long - short), 0.0)
    return Footprint(max(one / short - sequences - pairs * short, 0.0), sequences, pairs)


def saved_bytes(model: nn.Module, features: int, length: int, rows: int, structures: int = 1) -> int:
    """Bytes of the tensors that autograd keeps of one forward pass, each storage once; parameters are not counted."""
    parameter = next(model.parameters())
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    encodings = torch.zeros(structures, length, features, dtype=parameter.dtype, device=parameter.device)
    letters = torch.zeros(structures, rows, length, dtype=torch.int64, device=parameter.device)
    lengths = torch.full((structures,), length, device=parameter.device)
    devices = [parameter.device] if parameter.is_cuda else []
    with torch.random.fork_rng(devices), torch.enable_grad():
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            found = model(encodings, letters, lengths)
            scored = found.logits.log_softmax(-1).gather(3, letters[..., None]).sum() + found.couplings.sum()
        del found, scored
    return sum(kept.values())


def cut(lengths: Sequence[int], rows: int, each: Footprint, budget: float) -> list[list[int]]:
    """Places of structures, longest first, in parts as large as the budget of bytes allows; a structure that exceeds it
    by itself is a part of its own."""
    order = [int(place) for place in np.argsort(-np.asarray(lengths), kind="stable")]
    parts: list[list[int]] = []
    while order:
        longest = lengths[order[0]]
        count = max(1, int(budget // max(each.bytes(1, longest, rows), 1.0)))
        parts.append(order[:count])
        order = order[count:]
    return parts
