"""Dropout of many members at once, each by the stream from which it draws when it trains alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from seqlab.data.streams import stream_seed
from seqlab.kernels import dropout as kernel
from seqlab.kernels.dropout.seeds import fresh_seed
from seqlab.nn.dropout import dropout

__all__ = ["OwnDropout", "begin_streams", "rewind_streams"]

_places: list[tuple[int, ...]] = []
_streams: list[torch.Generator] = []


def begin_streams(places: Iterable[tuple[int, ...]]) -> None:
    """Put each member's stream of dropout at its seed, step and part of the batch, given in this order."""
    _places[:] = places
    rewind_streams()


def rewind_streams() -> None:
    """Put them back to where they were begun."""
    _streams.clear()


def _begun() -> list[torch.Generator]:
    """The streams, made when something draws: that takes longer than a small product."""
    if not _streams:
        seeds = (stream_seed(seed, "dropout", *counters) for seed, *counters in _places)
        _streams.extend(torch.Generator().manual_seed(seed) for seed in seeds)
    return _streams


@torch.library.custom_op("seqlab::dropout_of_members", mutates_args=())
def dropout_of_members(x: Tensor, share: float, ours: bool) -> Tensor:
    """Factors for x (N, ...): 0 for the share that is dropped, 1 / (1 - share) for the rest; as torch draws them, or by
    a seed, as `seqlab.nn.dropout` does."""
    if x.device.type != "cpu":
        raise RuntimeError("dropout on a GPU draws otherwise in a pack than alone")
    if ours:
        ones = torch.ones(x.shape[1:], dtype=x.dtype)
        return torch.stack([kernel.dropout(ones, share, fresh_seed(stream)) for stream in _begun()])
    factors = torch.empty_like(x, memory_format=torch.contiguous_format)
    for row, stream in zip(factors, _begun(), strict=True):
        row.bernoulli_(1 - share, generator=stream)
    return factors.div_(1 - share)


@dropout_of_members.register_vmap
def _(info: Any, in_dims: tuple[int, None, None], x: Tensor, share: float, ours: bool) -> tuple[Tensor, int]:
    return dropout_of_members(x.movedim(in_dims[0], 0), share, ours), 0


class OwnDropout(TorchFunctionMode):
    """While entered, dropout under torch.func.vmap over the members draws from their streams, in torch's order."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is F.dropout:
            return _dropout(*args, **(kwargs or {}))
        if func is dropout:
            return _of_members(*args, ours=True)
        return func(*args, **(kwargs or {}))


def _dropout(x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    return _of_members(x, p, training, ours=False)


def _of_members(x: Tensor, share: float, training: bool, *, ours: bool) -> Tensor:
    return x * dropout_of_members(x.detach(), share, ours) if training and share > 0 else x
