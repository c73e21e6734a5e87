"""Where the time of a step goes: seconds by what they were spent on."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["Shares"]


class Shares:
    """Adds up seconds by name. On a GPU it waits for the device at the edges of a measured section, and therefore
    measures one step in `every` and scales; on a CPU it measures every step."""

    def __init__(self, device: torch.device, every: int = 50) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._gpu = device.type == "cuda"
        self._every = every if self._gpu else 1
        self._active = True

    def begin_step(self, step: int) -> None:
        """Decide whether this step is measured."""
        self._active = not self._gpu or step % self._every == 1  # not the first, in which the device warms up

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Measure a section that happens in every step."""
        if not self._active:
            yield
            return
        start = self._now()
        yield
        self.seconds[name] += (self._now() - start) * self._every

    @contextmanager
    def rare(self, name: str) -> Iterator[None]:
        """Measure a section that happens now and then (evaluation, a checkpoint)."""
        start = self._now()
        try:
            yield
        finally:
            self.seconds[name] += self._now() - start

    def _now(self) -> float:
        if self._gpu:
            torch.cuda.synchronize()
        return time.perf_counter()

    def fractions(self) -> dict[str, float]:
        """Each name's share of all measured seconds."""
        total = sum(self.seconds.values()) or 1.0
        return {name: round(seconds / total, 4) for name, seconds in sorted(self.seconds.items())}
