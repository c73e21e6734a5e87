"""Where faults are listed as they are planted, each with the audit that must fail."""

from __future__ import annotations

import functools
from collections.abc import Callable

from seqlab.experiment import Experiment

FAULTS: list[tuple[str, Callable[[], Experiment]]] = []
"""The audit that must fail, and the experiment with the fault."""


def fault(audit: str) -> Callable[[Callable[[], Experiment]], Callable[[], Experiment]]:
    def add(make: Callable[[], Experiment]) -> Callable[[], Experiment]:
        FAULTS.append((audit, make))
        return make

    return add


def variants(audit: str, make: Callable[[str], Experiment], *what: str) -> None:
    """The same part, wrong in several ways."""
    FAULTS.extend((audit, functools.partial(make, each)) for each in what)
