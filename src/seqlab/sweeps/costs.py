"""What a sweep will cost: time, memory and disk of all its runs, from what some of them were measured to cost."""

from __future__ import annotations

import resource
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from seqlab.sweeps.equivalent import equivalent
from seqlab.sweeps.errors import SweepError
from seqlab.sweeps.slots import Slots
from seqlab.train.forecast import Forecast, TooLarge

__all__ = ["Costs", "Measured", "refuse_what_cannot_fit", "sum_up"]


@dataclass(frozen=True)
class Measured:
    """A structure: how many runs have it, what each is forecast to need, and what one was measured to take."""

    runs: int
    forecast: Forecast
    step_seconds: float | None = None
    """Of an optimiser step; None where none was taken."""
    other_seconds: float = 0.0
    """Of everything else in a run: building, audits, evaluation, checkpoints."""
    contents: Mapping[str, str] = field(default_factory=dict)
    """What the settings of each cell come to, by its name."""


@dataclass(frozen=True)
class Costs:
    """The whole sweep."""

    runs: int
    structures: int
    tried: int
    """Structures of which steps were taken."""
    slots: int
    seconds: float | None
    """Until the last run has ended; None where a run ends by the clock alone."""
    memory_bytes: int
    """Of the largest runs that can be at work together, and of their processes."""
    memory_available: int
    disk_bytes: int
    """Of all checkpoints that are kept at once."""
    disk_available: int
    quota_left: int | None
    equivalent: list[list[str]] = field(default_factory=list)
    """Cells whose settings come to the same, by name."""

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)


def sum_up(measured: Sequence[Measured], slots: Slots) -> Costs:
    """The costs of all runs of some structures, so many at a time. Raises SweepError where there is no run."""
    if not measured:
        raise SweepError("there is nothing to rehearse; every run of this sweep is there already")
    runs = sum(one.runs for one in measured)
    largest = sorted((one.forecast.memory_bytes for one in measured for _ in range(one.runs)), reverse=True)
    first = measured[0].forecast
    together = min(slots.count, runs)
    processes = 0 if slots.devices else together * _process_bytes()
    return Costs(
        runs=runs,
        structures=len(measured),
        tried=sum(one.step_seconds is not None for one in measured),
        slots=together,
        seconds=_seconds(measured, together),
        memory_bytes=sum(largest[: 1 if slots.devices else together]) + processes,
        memory_available=first.memory_available,
        disk_bytes=sum(one.runs * one.forecast.disk_bytes for one in measured),
        disk_available=first.disk_available,
        quota_left=first.quota_left,
        equivalent=equivalent({name: found for one in measured for name, found in one.contents.items()}),
    )


def _process_bytes() -> int:
    """What a process that has loaded everything takes: this one is one, and has tried a run."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _seconds(measured: Sequence[Measured], slots: int) -> float | None:
    """All runs on so many slots: those that were not tried take as long as the mean of those that were, in proportion
    to their arithmetic where the model tells it."""
    tried = [one for one in measured if one.step_seconds is not None]
    if any(one.forecast.steps is None for one in measured):
        return None
    others = sum(one.other_seconds for one in tried) / len(tried)
    pace = sum(_steps(one) / (one.forecast.flops or 1.0) for one in tried) / len(tried)
    each = [
        _steps(one) + one.other_seconds if one in tried else pace * (one.forecast.flops or 1.0) + others
        for one in measured
    ]
    whole = sum(one.runs * seconds for one, seconds in zip(measured, each, strict=True))
    return max(whole / slots, *each)


def _steps(one: Measured) -> float:
    """Seconds of all steps of a run."""
    return (one.step_seconds or 0.0) * (one.forecast.steps or 0)


def refuse_what_cannot_fit(costs: Costs, *, elsewhere: bool = False) -> None:
    """Raise TooLarge where the runs do not fit into the memory together, or not onto the disk or into its quota.

    elsewhere: the memory here does not matter.
    """
    room = min(costs.disk_available, costs.quota_left if costs.quota_left is not None else costs.disk_available)
    for what, needed, there, advice in (
        ("memory", costs.memory_bytes, costs.memory_available, f"take fewer than {costs.slots} slots (`--slots`)"),
        ("disk", costs.disk_bytes, room, "keep fewer checkpoints (`snapshots`), free some or raise the quota"),
    ):
        if needed > there and not (elsewhere and what == "memory"):
            raise TooLarge(
                f"the {costs.runs} runs of this sweep need about {needed / 2**20:,.0f} MiB of {what} at once and "
                f"{max(there, 0) / 2**20:,.0f} MiB are free; {advice}."
            )
