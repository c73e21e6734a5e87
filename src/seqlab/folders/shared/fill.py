"""From shards into a model that has shapes only: every weight is written once, into the place where it stays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from seqlab.data import progress
from seqlab.folders.shared.config import FolderError
from seqlab.folders.shared.place import Place
from seqlab.folders.shared.shards import Shards
from seqlab.nn.linear import Linear
from seqlab.nn.narrow import parameters_to_be
from seqlab.nn.quantised import Bits, QuantisedLinear

__all__ = ["fill", "give_memory"]

CPU = torch.device("cpu")


def give_memory(model: nn.Module, dtype: torch.dtype, device: torch.device = CPU) -> None:
    """Give a model on the meta device parameters and saved buffers, unwritten, so that it computes in `dtype`."""
    for owner, name, wanted in list(parameters_to_be(model, dtype)):
        memory = torch.empty(owner.get_parameter(name).shape, dtype=wanted, device=device)
        owner.register_parameter(name, nn.Parameter(memory, requires_grad=owner.get_parameter(name).requires_grad))
    for owner in model.modules():
        for name, buffer in owner.named_buffers(recurse=False):
            if buffer.is_meta and name in owner.state_dict():
                owner.register_buffer(name, torch.empty(buffer.shape, dtype=buffer.dtype, device=device))


class _Piece(NamedTuple):
    name: str
    place: Place
    first: int
    rows: Tensor


@torch.no_grad()
def fill(model: nn.Module, shards: Shards, places: Mapping[str, Place], bits: Bits | None = None) -> None:
    """Write the stored tensors into the model's, in the order in which they lie on disk; with `bits`, every linear is
    quantised as soon as it is whole. Raises FolderError naming a tensor with values that are no numbers."""
    ours = dict(model.named_parameters()) | dict(model.named_buffers())
    awaited: Counter[str] = Counter()
    for place in places.values():
        awaited[_owner(place.name)] += place.shape[0]
    total = sum(shards[name].nbytes for name in places)
    what = f"reading {total / 1e9:,.1f} GB"
    for piece in progress.told(what, _pieces(shards, places), lambda piece: piece.rows.nbytes, total):
        if not torch.isfinite(piece.rows).all():
            file = shards[piece.name].file
            raise FolderError(f"`{piece.name}` in {file} has values that are no numbers; get it again.")
        place, owner = piece.place, _owner(piece.place.name)
        converted, begin = place.as_ours(piece.rows), place.begin + piece.first
        ours[place.name][begin : begin + len(converted)].copy_(converted)
        awaited[owner] -= len(piece.rows)
        if bits is not None and awaited[owner] == 0 and type(linear := model.get_submodule(owner)) is Linear:
            for name in [name for name in ours if _owner(name) == owner]:
                del ours[name]  # nothing but the model holds the wide weights
            model.set_submodule(owner, QuantisedLinear(linear.weight, linear.bias, bits))


def _owner(name: str) -> str:
    """The module of a tensor, by name."""
    return name.rpartition(".")[0]


def _pieces(shards: Shards, places: Mapping[str, Place]) -> Iterator[_Piece]:
    for name in sorted(places, key=lambda name: (shards[name].file, shards[name].begin)):
        for first, rows in shards[name].pieces():
            yield _Piece(name, places[name], first, rows)
