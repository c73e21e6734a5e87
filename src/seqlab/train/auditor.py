"""What a training asks of audits, which it does not know: the caller hands them to the loop."""

from __future__ import annotations

from typing import Any, Protocol

from seqlab.journal import Run
from seqlab.train.training import Training

__all__ = ["Auditor"]


class Auditor(Protocol):
    """Audits, looking at a training from outside."""

    def before(self, t: Training) -> dict[str, Any]:
        """Look at what was built; returns what `audits.json` is to hold. Raises when it must not be trained."""

    def trained(self, t: Training, run: Run) -> list[str]:
        """Look at what was trained and add it to `audits.json`; returns a sentence for each alarm."""
