"""An axis: where a value stands on it, and the round numbers that are written at it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Scale", "scale_of", "tick"]

STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True)
class Scale:
    """From the lowest to the highest value that is drawn."""

    low: float
    high: float
    is_log: bool = False

    def share(self, value: float) -> float | None:
        """0 at the low end, 1 at the high one; None for what has no place on it."""
        if not math.isfinite(value) or (self.is_log and value <= 0):
            return None
        if self.is_log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self, count: int = 5) -> list[float]:
        """About so many round numbers within it."""
        if self.is_log:
            return self._round_powers(count)
        step = (self.high - self.low) / count
        power = 10.0 ** math.floor(math.log10(step))
        size = next(power * one for one in STEPS if power * one >= step * (1 - 1e-9))
        first, last = math.ceil(self.low / size - 1e-9), math.floor(self.high / size + 1e-9)
        return [size * index for index in range(first, last + 1)]

    def _round_powers(self, count: int) -> list[float]:
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        found: list[float] = []
        for digits in ((1,), (1, 3), (1, 2, 5), tuple(range(1, 10))):
            found = [digit * 10.0**power for power in powers for digit in digits]
            found = [value for value in found if self.low <= value <= self.high]
            if len(found) >= 3:
                break
        return found[:: max(1, math.ceil(len(found) / count / 1.5))]


def scale_of(values: Iterable[float], *, is_log: bool = False, margin: float = 0.0) -> Scale:
    """The scale of all finite values (positive ones on a logarithmic scale), wider by a share `margin` at both ends."""
    drawn = [value for value in values if math.isfinite(value) and (value > 0 or not is_log)] or [1.0]
    low, high = min(drawn), max(drawn)
    if is_log:
        wider = (high / low) ** margin if high > low else 2.0
        return Scale(low / wider, high * wider, is_log=True)
    wider = (high - low) * margin if high > low else abs(high) / 2 or 1.0
    return Scale(low - wider, high + wider)


def tick(value: float) -> str:
    """A number at an axis: 0.25, 1,500, 20k, 2.5M, 1e-05."""
    if abs(value) < 1e4:
        return f"{value:,.4g}"
    unit, factor = next((unit, factor) for unit, factor in (("G", 1e9), ("M", 1e6), ("k", 1e3)) if abs(value) >= factor)
    return f"{value / factor:,.4g}{unit}"
