"""The processes that train one run together: who each is, and what they must agree on. One process is the rule.

Every process holds the whole record of what happens: they take the same steps, evaluations and checkpoints. What the
clock, a signal or a request decides in one of them is therefore agreed on by all before anybody acts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from seqlab.journal.state import ENDINGS

__all__ = ["PartnerLost", "World", "joined", "local", "partners_told", "whole"]

T = TypeVar("T")


class PartnerLost(Exception):
    """Another process of the run died or fell silent: one sentence."""


@dataclass(frozen=True)
class World:
    """This process among those that train the run; alone by default, and then nothing is asked of anybody."""

    rank: int = 0
    size: int = 1
    backend: str = "none"

    @property
    def is_first(self) -> bool:
        """Whether this process writes the record."""
        return self.rank == 0

    def together(self, model: nn.Module) -> nn.Module:
        """The model, called so that a backward pass leaves the mean of all processes' gradients in each."""
        if self.size == 1 or any(hasattr(p, "full_tensor") for p in model.parameters()):  # shares see to it themselves
            return model
        return DistributedDataParallel(model, broadcast_buffers=False)

    def share(self, parts: Sequence[T]) -> list[tuple[int, T]]:
        """This process's consecutive share of the parts of a batch, each with its place in the whole."""
        each = len(parts) // self.size
        return list(enumerate(parts))[self.rank * each : (self.rank + 1) * each]

    def total(self, sums: Mapping[str, Tensor | float]) -> dict[str, Tensor | float]:
        """Each sum, added up over the processes."""
        if self.size == 1:
            return dict(sums)
        device = next(value.device for value in sums.values() if isinstance(value, Tensor))
        stacked = torch.stack([torch.as_tensor(value, device=device) for value in sums.values()])
        dist.all_reduce(stacked)
        return dict(zip(sums, stacked.unbind(), strict=True))

    def any(self, answer: bool) -> bool:
        """Whether any process says yes."""
        return bool(self._most(int(answer)))

    def ending(self, state: str | None) -> str | None:
        """The state in which all end, None to go on: what any process says, of several the first in ENDINGS' order."""
        places = [None, *reversed(ENDINGS)]
        return places[self._most(places.index(state))]

    def _most(self, number: int) -> int:
        if self.size == 1:
            return number
        largest = torch.tensor(number)
        dist.all_reduce(largest, op=dist.ReduceOp.MAX)
        return int(largest)

    def told_by_first(self, value: T) -> T:
        """What the first process holds."""
        if self.size == 1:
            return value
        told: list[Any] = [value]
        dist.broadcast_object_list(told)
        return told[0]  # type: ignore[no-any-return]

    def members(self) -> list[dict[str, Any]]:
        """Rank, host and process of each."""
        own = {"rank": self.rank, "host": os.uname().nodename, "process": os.getpid()}
        told: list[Any] = [own] * self.size
        if self.size > 1:
            dist.all_gather_object(told, own)
        return told

    def first_does(self, action: Callable[[], object]) -> None:
        """Let the first process do something while the others wait."""
        if self.is_first:
            action()
        if self.size > 1:
            dist.barrier()


@contextmanager
def joined(patience_minutes: float) -> Iterator[World]:
    """The processes that torchrun started with this one (its environment says so), else this one alone.

    patience_minutes: how long an exchange waits for the others.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ or os.environ["WORLD_SIZE"] == "1":
        yield World()
        return
    backend = "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        backend = "cpu:gloo,cuda:nccl"
    dist.init_process_group(backend, timeout=timedelta(minutes=patience_minutes))
    try:
        yield World(dist.get_rank(), dist.get_world_size(), backend)
    finally:
        dist.destroy_process_group()


@contextmanager
def partners_told(world: World) -> Iterator[None]:
    """Raise PartnerLost in place of what gloo or NCCL say when another process is gone or does not answer."""
    try:
        yield
    except RuntimeError as error:
        if world.size == 1 or not _is_of_an_exchange(error):
            raise
        raise PartnerLost(
            f"process {world.rank} of {world.size} lost another one, which died or did not answer in time (what it "
            "printed says why); `seqlab resume` goes on from the last checkpoint."
        ) from error


def _is_of_an_exchange(error: RuntimeError) -> bool:
    said = str(error)
    return isinstance(error, dist.DistError) or any(word in said for word in ("gloo", "NCCL", "Connection closed"))


def whole(tensor: Tensor) -> Tensor:
    """The tensor of which this process may hold only a share (a DTensor). All processes must ask."""
    found: Tensor = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor
    return found


def local(tensor: Tensor) -> Tensor:
    """What this process holds of a tensor."""
    found: Tensor = tensor.to_local() if hasattr(tensor, "to_local") else tensor
    return found
