"""A text as it is told while it comes: what of it is certain, and why it ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqlab.data.symbols import StreamDecoder, Symbols
from seqlab.generation.loops import period
from seqlab.generation.stopping import StopStrings
from seqlab.generation.text import Drawn

__all__ = ["Endings", "Telling"]


@dataclass(frozen=True)
class Endings:
    """What ends a text before its last symbol."""

    end: int | None = None
    """The symbol that ends texts of this model."""
    symbols: frozenset[int] = frozenset()
    """Further symbols."""
    strings: tuple[str, ...] = ()
    on_loop: bool = False
    """Whether a text that goes round in circles ends."""

    @property
    def ids(self) -> frozenset[int]:
        """All symbols that end a text."""
        return self.symbols | (frozenset() if self.end is None else {self.end})


class Telling:
    """Of one text. Symbols and strings that end it are left out of the text; such a symbol also of `drawn`.

    symbols: None where nobody says what they mean; the text is their numbers then, and has no strings to stop at.
    """

    def __init__(self, symbols: Symbols | None, endings: Endings) -> None:
        self.drawn: list[Drawn] = []
        self.reason: str | None = None
        """Why it ended: end_of_text, stop_symbol, stop_string, loop or length; None while it goes on."""
        self.loop: int | None = None
        """The symbols of the piece that came again and again, once it did."""
        self.endings, self._symbols = endings, symbols
        self._decoder = StreamDecoder(symbols) if symbols is not None else None
        self._stops = StopStrings(endings.strings)

    @property
    def ids(self) -> list[int]:
        return [drawn.symbol for drawn in self.drawn]

    def feed(self, drawn: Drawn) -> str:
        """The text that is certain with a further symbol."""
        symbol = drawn.symbol
        if symbol in self.endings.ids:
            self.reason = "end_of_text" if symbol == self.endings.end else "stop_symbol"
            return ""
        self.drawn.append(drawn)
        text = self._stops.feed(self._text_of(symbol))
        if self._stops.met is not None:
            self.reason = "stop_string"
        elif self.loop is None and (loop := period(self.ids)) is not None:
            self.loop = loop
            self.reason = "loop" if self.endings.on_loop else None
        return text

    def finish(self) -> str:
        """What was held back, at the end."""
        if self.reason == "stop_string":
            return ""
        rest = self._stops.feed(self._decoder.flush()) if self._decoder is not None else ""
        self.reason = self.reason or "length"
        return rest + self._stops.flush()

    def _text_of(self, symbol: int) -> str:
        if self._decoder is None or self._symbols is None:
            return f"{symbol} "
        if symbol >= self._symbols.size:  # models may have more rows than the alphabet has symbols
            return self._decoder.flush() + "\ufffd"
        return self._decoder.feed(np.array([symbol]))
