"""Texts that end before a given string."""

from __future__ import annotations

__all__ = ["StopStrings"]


class StopStrings:
    """Passes text on until one of `stops` is complete; neither that nor what comes after it is passed on.

    What could be the begin of one is held back until it is clear.
    """

    def __init__(self, stops: tuple[str, ...]):
        if "" in stops:
            raise ValueError("a stop string is empty; it would end every text at once.")
        self._stops = stops
        self._held = ""
        self.met: str | None = None
        """The string that ended the text."""

    def feed(self, piece: str) -> str:
        """The text that is certain now."""
        if self.met is not None:
            return ""
        text = self._held + piece
        found = [(at, stop) for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            at, self.met = min(found)
            self._held = ""
            return text[:at]
        held = max((_overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - held :]
        return text[: len(text) - held]

    def flush(self) -> str:
        """What was held back, at the end."""
        rest, self._held = self._held, ""
        return rest


def _overlap(text: str, stop: str) -> int:
    """How many last characters of the text are the first ones of the string."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:n])), 0)
