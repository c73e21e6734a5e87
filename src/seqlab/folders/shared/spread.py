"""The parts of a model over devices by their memory: in order, so that few borders are crossed, the rest on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from seqlab.folders.shared.config import FolderError
from seqlab.kernels.memory import available_memory

__all__ = ["Room", "rooms_here", "spread"]

USED = 0.9
"""The share of a device's free memory that weights may take; states and activations need the rest."""


class Room(NamedTuple):
    """A device, and the bytes that are free there."""

    device: torch.device
    free: int


def rooms_here() -> list[Room]:
    """Every GPU, then the CPU."""
    devices = [torch.device("cuda", index) for index in range(torch.cuda.device_count())] + [torch.device("cpu")]
    return [Room(device, available_memory(device)) for device in devices]


def spread(title: str, sizes: Sequence[int], rooms: Sequence[Room]) -> list[torch.device]:
    """The device of every part, whose bytes are `sizes`; the parts follow each other from device to device. Raises
    FolderError where they do not fit into all of them."""
    left = [int(USED * room.free) for room in rooms]
    at, placed = 0, []
    for size in sizes:
        while at < len(rooms) and left[at] < size:
            at += 1
        if at == len(rooms):
            total, free = sum(sizes) / 2**30, sum(room.free for room in rooms) / 2**30
            raise FolderError(
                f"{title} needs {total:.1f} GiB and {free:.1f} GiB are free on {len(rooms)} devices; choose a narrower "
                "--dtype."
            )
        left[at] -= size
        placed.append(rooms[at].device)
    return placed
