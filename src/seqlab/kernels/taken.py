"""Which way each kernel went in this process: what `dispatch.py` chose, for the record."""

from __future__ import annotations

import torch

__all__ = ["forget", "take", "taken"]

_ways: dict[str, set[str]] = {}


def take(kernel: str, way: str) -> None:
    """Note that `kernel` went this `way`. Code that torch compiles is traced once and notes nothing."""
    if not torch.compiler.is_compiling():
        _ways.setdefault(kernel, set()).add(way)


def taken() -> dict[str, list[str]]:
    """Every kernel that was called, with the ways it went."""
    return {kernel: sorted(ways) for kernel, ways in sorted(_ways.items())}


def forget() -> None:
    """Begin anew, as a run does."""
    _ways.clear()
