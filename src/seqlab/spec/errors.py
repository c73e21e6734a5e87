"""The error of a wrong spec, and the help that goes with it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["SpecError", "did_you_mean"]


class SpecError(ValueError):
    """A spec that cannot be: one sentence that says what is wrong, where, and what would be right."""


def did_you_mean(word: str, known: Iterable[str], listed: Iterable[str] | None = None) -> str:
    """The end of an error sentence: the nearest known words, or, when none is near, those of `listed` (none: all)."""
    known = list(known)
    near = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(f'`{name}`' for name in near)}?"
    if not known:
        return "there is none to choose from."
    return f"known: {', '.join(f'`{name}`' for name in sorted(known if listed is None else listed))}."
