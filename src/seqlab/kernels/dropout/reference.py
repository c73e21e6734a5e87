"""Dropout by its definition, and the draws: a function of seed, row and column alone."""

from __future__ import annotations

import functools

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["dropout_reference", "factor_of_kept", "factors", "least_number"]

WORD, LONG = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF


def dropout_reference(x: Float[Tensor, "*bl d"], share: float, seed: int) -> Float[Tensor, "*bl d"]:
    """x times `factors`, each vector along the last axis a row."""
    rows = x.numel() // max(x.shape[-1], 1)
    return x * factors(seed, rows, x.shape[-1], share, x.dtype).to(x.device).view(x.shape)


def factors(seed: int, rows: int, columns: int, share: float, dtype: torch.dtype) -> Float[Tensor, "rows columns"]:
    """0 for the `share` that is dropped, `factor_of_kept` for the rest.

    A row's key is SplitMix64's number at its place (Steele, Lea and Flood, 2014); an entry's number is its column and
    the key's lower half mixed by Wellons' lowbias32, with the upper half added in the middle.
    """
    key = torch.tensor([_split_mix(seed + row * 0x9E3779B97F4A7C15) for row in range(rows)], dtype=torch.int64)
    low, high = (key & WORD)[:, None], (key >> 32 & WORD)[:, None]
    number = torch.arange(columns) ^ low
    number = (number ^ number >> 16) * 0x7FEB352D & WORD
    number = (number ^ number >> 15) + high & WORD
    number = number * 0x846CA68B & WORD
    number = number ^ number >> 16
    return (number >= least_number(share)).to(dtype) * factor_of_kept(share, dtype)


def least_number(share: float) -> int:
    """An entry is kept where its number, of 32 bits, is at or above this. Raises ValueError outside [0, 1)."""
    if not 0 <= share < 1:
        raise ValueError(f"dropout drops a share of 0 up to, but not, 1; got {share:g}.")
    return round(share * 2**32)


@functools.cache
def factor_of_kept(share: float, dtype: torch.dtype) -> float:
    """1 / (1 - share), as the dtype has it."""
    return float(torch.tensor(1 / (1 - share)).to(dtype))


def _split_mix(key: int) -> int:
    """As a signed number of 64 bits."""
    key &= LONG
    key = (key ^ key >> 30) * 0xBF58476D1CE4E5B9 & LONG
    key = (key ^ key >> 27) * 0x94D049BB133111EB & LONG
    key ^= key >> 31
    return key - 2**64 if key >= 2**63 else key
