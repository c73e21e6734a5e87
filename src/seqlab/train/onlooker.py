"""What the processes beside the first one have in place of an attempt: they write nothing of the record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from seqlab.journal import Attempt, Run

__all__ = ["Onlooker"]


class Onlooker(Attempt):
    """Every method of an attempt that a training calls, and none of its effects; the first process has the lease."""

    number = 1

    def __init__(self, run: Run) -> None:
        super().__init__(run.folder, None, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held."""

    @property
    def wall_seconds(self) -> float:
        return 0.0

    def rewind(self, step: int | None) -> None:
        """Nothing is superseded."""

    def log(self, **_: Any) -> None:
        """Nothing is logged."""

    def looked(self, step: int, measures: Mapping[str, Mapping[str, Any]]) -> None:
        """Nothing is kept."""

    def has_line(self, step: int, names: Iterable[str]) -> bool:
        return False

    def event(self, kind: str, **data: Any) -> None:
        """Nothing is noted."""

    def summarise(self, **fields: Any) -> None:
        """Nothing is summed up."""

    def alarm(self, *sentences: str) -> None:
        """Nothing is doubtful here."""

    def stop_requested(self) -> bool:
        return False

    def must_be_ours(self) -> None:
        """It never is, and nothing is written."""

    def finish(self, state: str, **evidence: Any) -> None:
        """The first process says how it ended."""
