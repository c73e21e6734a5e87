"""What is asked of runs when many are looked at together: by filters, taints, lineages. A run folder that is read
answers it, and so does the index, which has read it before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from seqlab.journal.state import State

__all__ = ["Described", "Measured"]


class Measured(Protocol):
    """The numbers of a run."""

    @property
    def last(self) -> Mapping[str, float]:
        """The newest value of every metric."""
        ...


class Described(Protocol):
    """A run, as far as a listing needs it; `Run` says what each of these is."""

    @property
    def name(self) -> str: ...
    @property
    def id(self) -> str | None: ...
    @property
    def created(self) -> str: ...
    @property
    def why(self) -> str | None: ...
    @property
    def recipe(self) -> str | None: ...
    @property
    def sweep(self) -> str | None: ...
    @property
    def parent(self) -> dict[str, Any] | None: ...
    @property
    def tags(self) -> list[str]: ...
    @property
    def verdict(self) -> str | None: ...
    @property
    def experiment(self) -> dict[str, Any]: ...
    @property
    def summary(self) -> dict[str, Any]: ...
    @property
    def metrics(self) -> Measured: ...
    def state(self) -> State: ...
    def former_names(self) -> list[str]: ...
