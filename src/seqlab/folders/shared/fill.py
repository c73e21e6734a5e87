"""From shards into a model that has shapes only: every weight is written once, into the place where it stays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from seqlab.data import progress
from seqlab.folders.shared.config import FolderError
from seqlab.folders.shared.place import Place
from seqlab.folders.shared.shards import Shards
from seqlab.nn.narrow import parameters_to_be

__all__ = ["fill", "give_memory"]


def give_memory(model: nn.Module, dtype: torch.dtype) -> None:
    """Give a model on the meta device parameters on the CPU, unwritten, so that it computes in `dtype`."""
    for owner, name, wanted in list(parameters_to_be(model, dtype)):
        memory = torch.empty(owner.get_parameter(name).shape, dtype=wanted, device="cpu")
        owner.register_parameter(name, nn.Parameter(memory))


class _Piece(NamedTuple):
    name: str
    place: Place
    first: int
    rows: Tensor


@torch.no_grad()
def fill(model: nn.Module, shards: Shards, places: Mapping[str, Place]) -> None:
    """Write the stored tensors into the model's, in the order in which they lie on disk. Raises FolderError naming a
    tensor with values that are no numbers."""
    ours = dict(model.named_parameters())
    total = sum(shards[name].nbytes for name in places)
    for piece in progress.told(
        f"reading {total / 1e9:,.1f} GB", _pieces(shards, places), lambda p: p.rows.nbytes, total
    ):
        if not torch.isfinite(piece.rows).all():
            file = shards[piece.name].file
            raise FolderError(f"`{piece.name}` in {file} has values that are no numbers; get it again.")
        converted, begin = piece.place.as_ours(piece.rows), piece.place.begin + piece.first
        ours[piece.place.name][begin : begin + len(converted)].copy_(converted)


def _pieces(shards: Shards, places: Mapping[str, Place]) -> Iterator[_Piece]:
    for name in sorted(places, key=lambda name: (shards[name].file, shards[name].begin)):
        for first, rows in shards[name].pieces():
            yield _Piece(name, places[name], first, rows)
