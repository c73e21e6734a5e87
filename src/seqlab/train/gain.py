"""What a faster way to take the same steps gains: tried on copies, in turns."""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from seqlab.train.training import Training, assemble

__all__ = ["LEAST_GAIN", "Gain", "alike", "in_a_line", "timed"]

LEAST_GAIN = 1.05
"""Below this it is noise."""
ROUNDS = 5
ROUND_SECONDS = 0.02
"""A sample lasts at least this long, or one step."""


@dataclass(frozen=True)
class Gain:
    """Seconds of the same steps."""

    alone: float
    """One after the other, as they are taken without."""
    together: float

    @property
    def times(self) -> float:
        """How many times as fast."""
        return self.alone / self.together


def alike(t: Training) -> Training:
    """Another training of the same experiment, from its beginning; the data lies in memory once."""
    return assemble(t.experiment, copy.copy(t.task), t.device, t.dtype)


def in_a_line(error: Exception) -> str:
    """What a trial ended in: the error's kind, and how its text begins."""
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first[:200]}"


def timed(alone: Callable[[], object], together: Callable[[], object], steps: int = 1) -> Gain:
    """steps: how many of the first does the second do at once."""
    calls = {function: max(1, round(ROUND_SECONDS / _seconds(function, 1))) for function in (alone, together)}
    samples = [(_seconds(alone, calls[alone]), _seconds(together, calls[together])) for _ in range(ROUNDS)]
    return Gain(steps * statistics.median(a for a, _ in samples), statistics.median(b for _, b in samples))


def _seconds(step: Callable[[], object], calls: int) -> float:
    start = _now()
    for _ in range(calls):
        step()
    return (_now() - start) / calls


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()
