"""Times that can be compared: warm, alternating, many, told by their median, their least and their spread."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from seqlab.bench import Row
from seqlab.kernels.allocator import keep_freed_memory

__all__ = ["Timing", "alternate", "overhead", "ratio"]

Key = TypeVar("Key", bound=Hashable)

LEAST_SECONDS = 0.02
"""A sample lasts at least this long: a short function is called several times in it."""


@dataclass(frozen=True)
class Timing:
    """Samples of one quantity, in the order they were taken."""

    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle sample."""
        return statistics.median(self.samples)

    @property
    def minimum(self) -> float:
        """The least sample: what the machine can do when nothing disturbs it."""
        return min(self.samples)

    @property
    def spread(self) -> float:
        """Largest less smallest, as a share of the median."""
        return (max(self.samples) - self.minimum) / abs(self.median) if self.median else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Between which numbers the median of many more samples would lie, at least 95 times in 100: two of the
        samples, by their ranks, so whatever their law. The outermost of fewer than six, which hold it less often."""
        count = len(self.samples)
        rank, ordered = _rank(count), sorted(self.samples)
        return ordered[rank], ordered[count - 1 - rank]

    def row(self, what: str, unit: str, *, scale: float = 1.0, **others: Any) -> Row:
        """A row of these samples, times `scale`."""
        return Row(
            what=what,
            value=self.median * scale,
            unit=unit,
            minimum=self.minimum * scale,
            spread=self.spread if len(self.samples) > 1 else None,
            **others,
        )


def _rank(count: int) -> int:
    """The largest rank, from 0, of so many samples that is above their median at most 2.5 times in 100; 0 without one.
    It is above it where no more samples than the rank lie below the median, as each does in one of two cases."""
    rank, cases = 0, 1
    while 40 * (cases := cases + math.comb(count, rank + 1)) <= 2**count:
        rank += 1
    return rank


def ratio(ours: Timing, peer: Timing) -> Timing:
    """Sample by sample ours over the peer's, both taken at nearly the same moment."""
    return Timing(tuple(a / b for a, b in zip(ours.samples, peer.samples, strict=True)))


def overhead(ours: Timing, bare: Timing, peer: str, *, target: float, **others: Any) -> Row:
    """By how many per cent ours takes longer than the bare one, sample by sample, with the interval of the median. A
    target within it is missed or reached by chance, which a note says. peer: what the bare one is."""
    compared = ratio(ours, bare)
    over = Timing(tuple(100 * (sample - 1) for sample in compared.samples))
    low, high = over.interval
    return Row(
        value=over.median,
        minimum=over.minimum,
        spread=compared.spread,
        target=target,
        ratio=compared.median,
        peer=peer,
        note=f"{low:.2g} to {high:.2g} %{', undecided' if low <= target < high else ''}",
        **others,
    )


def alternate(functions: Mapping[Key, Callable[[], object]], *, rounds: int = 7, warm_up: int = 2) -> dict[Key, Timing]:
    """Seconds a call of each function. Every round takes one sample of each, every other round backwards, so that a
    machine that grows slower or faster does so for all of them. Memory is kept from call to call, as in a training."""
    keep_freed_memory()
    calls = {name: _calls(function, warm_up) for name, function in functions.items()}
    samples: dict[Key, list[float]] = {name: [] for name in functions}
    for number in range(rounds):
        for name in list(functions)[:: 1 if number % 2 == 0 else -1]:
            samples[name].append(_seconds(functions[name], calls[name]))
    return {name: Timing(tuple(taken)) for name, taken in samples.items()}


def _calls(function: Callable[[], object], warm_up: int) -> int:
    """Warm the function up; how many calls make a sample long enough."""
    once = min(_seconds(function, 1) for _ in range(max(1, warm_up)))
    return max(1, round(LEAST_SECONDS / max(once, 1e-7)))


def _seconds(function: Callable[[], object], calls: int) -> float:
    _wait()
    start = time.perf_counter()
    for _ in range(calls):
        function()
    _wait()
    return (time.perf_counter() - start) / calls


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
