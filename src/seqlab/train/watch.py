"""What the loop tells whoever looks on: a terminal, a notebook, or nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Progress", "Watch"]


@dataclass(frozen=True)
class Progress:
    """Where the training stands."""

    step: int
    steps: int | None
    """The step at which the budget ends; None when it ends by the clock."""
    tokens_per_second: float
    seconds_left: float | None
    memory_bytes: int


class Watch:
    """Looks on and does nothing; a display overrides what it shows."""

    def message(self, text: str) -> None:
        """Something worth a line: a checkpoint that was skipped, an alarm, how the run ends."""

    def metrics(self, progress: Progress, values: Mapping[str, float]) -> None:
        """A metrics line was written."""

    def floors(self, floors: Mapping[str, Mapping[str, float]]) -> None:
        """What trivial models reach, as soon as it is known."""
