"""Whether a text goes round in circles."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["period"]

LONGEST = 64
"""The longest loop looked for, in symbols."""
ROUNDS = 4
"""How often it must come in a row."""
LEAST = 24
"""How many symbols these must be together: `hahahaha` is no loop yet."""


def period(written: Sequence[int]) -> int | None:
    """The length of the shortest piece that the text ends with again and again, None where there is none."""
    for length in range(1, min(LONGEST, len(written) // ROUNDS) + 1):
        looped = max(ROUNDS * length, LEAST)
        if looped > len(written):
            continue
        if all(written[-at] == written[-at - length] for at in range(1, looped - length + 1)):
            return length
    return None
