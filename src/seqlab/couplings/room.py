"""Whether couplings fit into memory, told before they are made."""

from __future__ import annotations

import torch

from seqlab.data import DataError
from seqlab.kernels.memory import available_memory

__all__ = ["must_fit"]


def must_fit(needed: int, length: int, size: int, advice: str) -> None:
    """Raise DataError where couplings of so many columns and letters need more bytes than are free. advice: what else
    to do."""
    there = available_memory(torch.device("cpu"))
    if needed > there:
        raise DataError(
            f"couplings of {length:,} columns and {size} letters need {needed / 1e9:,.1f} GB here and "
            f"{there / 1e9:,.1f} GB are free; {advice}"
        )
