"""How fast symbols come: the first one after the prompt was read, the others one step after the other."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["Timed"]


class Timed:
    """Symbols as they come, with the times at which they came. `prompt` is how many were read before."""

    def __init__(self, symbols: Iterable[int], prompt: int) -> None:
        self._symbols, self._prompt = symbols, prompt
        self.output_ids: list[int] = []
        self._times: list[float] = []

    def __iter__(self) -> Iterator[int]:
        self._times.append(time.perf_counter())
        for symbol in self._symbols:
            self._times.append(time.perf_counter())
            self.output_ids.append(symbol)
            yield symbol

    def measured(self) -> dict[str, Any]:
        """Seconds to the first symbol, symbols of the prompt a second until then, and symbols a second behind it; None
        for what did not happen."""
        start, *came = self._times
        first = came[0] - start if came else None
        decoding = came[-1] - came[0] if len(came) > 1 else None
        return {
            "prefill_tokens_per_second": self._prompt / first if first else None,
            "decode_tokens_per_second": (len(came) - 1) / decoding if decoding else None,
            "time_to_first_token_seconds": first,
        }
