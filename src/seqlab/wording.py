"""Numbers, times and settings as people read them. Imports nothing of seqlab: terminal and pages say them alike."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

__all__ = [
    "ago", "apart", "count", "duration", "figure", "metrics_line", "per_second", "plain", "size", "step_of",
]  # fmt: skip


def plain(value: Any) -> str:
    """A value of a spec as one would type it: none, true, 128, 0.001, a,b."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ",".join(plain(item) for item in value) or "none"
    return str(value)


def figure(value: float | None) -> str:
    """A measured number, four digits long: 3.156, 0.01234, 12,346."""
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}"
    if not math.isfinite(value) or value == 0:
        return f"{value:.4g}"
    if abs(value) < 1e-4:
        return f"{value:.3e}"
    return f"{value:,.0f}" if abs(value) >= 999.95 else f"{value:#.4g}"


def apart(*values: float | None) -> list[str]:
    """Measured numbers side by side, those that differ with as many digits as it takes to see that they do."""
    told = [figure(value) for value in values]
    for digits in range(5, 18):
        meant: dict[str, set[float | None]] = {}
        for value, text in zip(values, told, strict=True):
            meant.setdefault(text, set()).add(value)
        if all(len(different) == 1 for different in meant.values()):
            break
        told = [
            f"{value:#.{digits}g}" if isinstance(value, float) and len(meant[text]) > 1 else text
            for value, text in zip(values, told, strict=True)
        ]
    return told


def count(value: float | None) -> str:
    """A large number of things: 999, 12.3k, 4.56M."""
    if value is None:
        return ""
    for unit, factor in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= factor:
            return f"{value / factor:.3g}{unit}" if value / factor < 999.5 else f"{value / factor:,.0f}{unit}"
    return f"{value:.0f}"


def size(value: float | None) -> str:
    """Bytes: 12.3 MB (a MB is a million)."""
    if value is None:
        return ""
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if abs(value) >= factor:
            return f"{value / factor:.{0 if value >= 100 * factor else 1}f} {unit}"
    return f"{value:.0f} B"


def per_second(value: float | None) -> str:
    """A rate of tokens."""
    return f"{count(value)} tokens/s" if value else ""


def duration(seconds: float | None) -> str:
    """How long: 0.04 s, 1.2 s, 12 s, 3 min 05 s, 2 h 04 min, 3 d 07 h."""
    if seconds is None:
        return ""
    if seconds < 59.5:
        return f"{seconds:.{0 if seconds >= 9.95 else 1 if seconds >= 0.95 else 2}f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600:02d} h"


def ago(moment: str) -> str:
    """How long ago a time of the record was: 5 min, 3 h, 12 d; nothing for a time nobody wrote down."""
    if not moment:
        return ""
    seconds = max(0.0, (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds())
    for unit, factor in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= factor:
            return f"{seconds // factor:.0f} {unit}"
    return f"{seconds:.0f} s"


def step_of(step: int | None, steps: int | None) -> str:
    """How far: 120/200, or 120 where only the clock ends it."""
    return f"{step or 0:,}/{steps:,}" if steps else f"{step or 0:,}" if step is not None else ""


SHOWN_OTHERWISE = {"speed/tokens_per_second": per_second, "memory/bytes": size}


def metrics_line(values: Mapping[str, Any]) -> str:
    """The metrics of a line of the record in one line, the phase said once: `val loss 3.156, accuracy 0.73`."""
    phases: dict[str, list[str]] = {}
    probed = 0
    for name, value in values.items():
        phase, _, what = name.partition("/")
        if "/" in what:
            probed += 1
        elif what and name not in SHOWN_OTHERWISE and what != "symbols":
            phases.setdefault(phase, []).append(f"{what.replace('_', ' ')} {figure(value)}")
    told = [f"{phase} {', '.join(parts)}" for phase, parts in phases.items()]
    told += [show(values[name]) for name, show in SHOWN_OTHERWISE.items() if name in values]
    return "  ".join(told + [f"{probed} probe values"] * bool(probed))
