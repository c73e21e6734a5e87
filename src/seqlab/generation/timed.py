"""How fast texts come: prompts are read, each up to its first symbol; then come steps."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

__all__ = ["Timed"]


@dataclass
class Timed:
    """Symbols that were read and written, and the seconds that it took."""

    read: int = 0
    reading_seconds: float = 0.0
    first: float | None = None
    stepped: int = 0
    stepping_seconds: float = 0.0

    @contextmanager
    def reading(self, symbols: int) -> Iterator[None]:
        """A prompt of so many symbols is read, and the first symbol after it drawn."""
        start = time.perf_counter()
        yield
        took = time.perf_counter() - start
        self.read += symbols
        self.reading_seconds += took
        self.first = took if self.first is None else self.first

    @contextmanager
    def stepping(self, symbols: int) -> Iterator[None]:
        """So many further symbols are drawn."""
        start = time.perf_counter()
        yield
        self.stepped += symbols
        self.stepping_seconds += time.perf_counter() - start

    def measured(self) -> dict[str, Any]:
        """Symbols of prompts a second, symbols a second behind the first ones, and seconds to the first of all; None
        for what did not happen."""
        return {
            "prefill_tokens_per_second": self.read / self.reading_seconds if self.read else None,
            "decode_tokens_per_second": self.stepped / self.stepping_seconds if self.stepped else None,
            "time_to_first_token_seconds": self.first,
        }
