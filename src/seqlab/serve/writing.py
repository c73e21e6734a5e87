"""One text on its way to a client: pieces of it as they come, and whole at the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import numpy as np

from seqlab.data.symbols import StreamDecoder, Symbols
from seqlab.generation.stopping import StopStrings
from seqlab.generation.text import Drawn, Order
from seqlab.serve.engine import Broken, Engine, Ticket

__all__ = ["Piece", "Writing"]


@dataclass(frozen=True)
class Piece:
    """Text that is certain, the symbols drawn since the piece before, and at the end why the text ended."""

    text: str
    drawn: tuple[Drawn, ...]
    ended: str | None = None


@dataclass
class Writing:
    """A text that was asked for. Whoever stops to listen cancels it."""

    engine: Engine
    order: Order
    symbols: Symbols | None
    stops: tuple[str, ...]
    client: str
    begun: float = field(default_factory=time.perf_counter)
    written: int = 0

    def __post_init__(self) -> None:
        self._events: asyncio.Queue[Drawn | Broken | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        self._ticket = Ticket(self.order, lambda event: _put(loop, self._events, event))
        self._decoder = StreamDecoder(self.symbols) if self.symbols is not None else None
        self._stops = StopStrings(self.stops)

    def submit(self) -> None:
        """Get in line. Raises Full and Stopping."""
        self.engine.submit(self.client, self._ticket)

    def cancel(self) -> None:
        """Nobody listens any more."""
        self.engine.cancel(self._ticket)

    async def pieces(self) -> AsyncIterator[Piece]:
        """The text as it comes; the last piece says why it ended. Raises Broken."""
        held: list[Drawn] = []
        try:
            while isinstance(event := await self._events.get(), Drawn):
                if not self.written:
                    self.engine.metrics.first.observe(time.perf_counter() - self.begun)
                self.written += 1
                held.append(event)
                text = self._stops.feed(self._text_of(event.symbol))
                if self._stops.met is not None:
                    yield Piece(text, tuple(held), "stop")
                    return
                if text:
                    yield Piece(text, tuple(held))
                    held = []
            if isinstance(event, Broken):
                raise event
            rest = self._stops.feed(self._decoder.flush()) if self._decoder is not None else ""
            ended = "stop" if self._stops.met is not None else self._ticket.ended
            yield Piece(rest + self._stops.flush(), tuple(held), ended)
        finally:
            self.cancel()

    def _text_of(self, symbol: int) -> str:
        """A symbol that ends a text is not part of it; without a tokenizer symbols are numbers."""
        if symbol in self.order.ends:
            return ""
        return f"{symbol} " if self._decoder is None else self._decoder.feed(np.array([symbol]))


def _put(
    loop: asyncio.AbstractEventLoop, events: asyncio.Queue[Drawn | Broken | None], event: Drawn | Broken | None
) -> None:
    try:
        loop.call_soon_threadsafe(events.put_nowait, event)
    except RuntimeError:  # the loop has ended, and with it whoever listened
        return
