"""The most memory that a function's tensors hold at once."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from seqlab.kernels.listener import Listener

__all__ = ["peak_bytes"]


def peak_bytes(function: Callable[[], object], device: torch.device) -> int:
    """Bytes at the peak above what was held before: of the device's allocator on a GPU; on a CPU of the tensors that
    operations return, without what an operation uses inside."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before: int = torch.cuda.memory_allocated(device)
        function()
        peak: int = torch.cuda.max_memory_allocated(device)
        return peak - before
    live = LiveTensors()
    with live:
        function()
    return live.peak


class LiveTensors(Listener):
    """Counts the bytes of every storage that an operation makes, until it is freed."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        inputs = {tensor.untyped_storage()._cdata for tensor in args if isinstance(tensor, Tensor)}

        def count(tensor: Tensor) -> None:
            storage = tensor.untyped_storage()
            if storage._cdata not in self._known | inputs:  # a view of what was there before costs nothing
                self._known.add(storage._cdata)
                self.now += storage.nbytes()
                weakref.finalize(storage, self._freed, storage._cdata, storage.nbytes())

        result = function(*args, **(kwargs or {}))
        tree_map_only(Tensor, count, result)
        self.peak = max(self.peak, self.now)
        return result

    def _freed(self, storage: int, size: int) -> None:
        self._known.discard(storage)
        self.now -= size
