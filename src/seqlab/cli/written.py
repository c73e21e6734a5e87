"""Texts on their way: written one by one as they come, or several together."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seqlab.cli.prompted import Prompt
from seqlab.cli.writer import Writer

if TYPE_CHECKING:
    from seqlab.generation.batching import Batch
    from seqlab.generation.course import Course
    from seqlab.generation.telling import Endings, Telling
    from seqlab.generation.text import Drawn, Order, Text
    from seqlab.generation.timed import Timed

__all__ = ["Written", "write_alone", "write_together"]

PROMPTS = 2**28
"""Bytes of states that prompts of one command share."""


@dataclass
class Written:
    """One text; several that are written together share `timed`."""

    prompt: Prompt
    telling: Telling
    timed: Timed
    seen: int
    """The symbols before it."""
    text: str = ""

    @classmethod
    def begun(cls, writer: Writer, prompt: Prompt, endings: Endings, timed: Timed, seen: int) -> Written:
        """Nothing yet. Text comes out where text went in, or is to be stopped at; else the numbers of symbols."""
        from seqlab.generation.telling import Telling

        reads = prompt.text is not None or bool(endings.strings)
        return cls(prompt, Telling(writer.symbols if reads else None, endings), timed, seen)

    def take(self, drawn: Drawn) -> str:
        """A further symbol; the text that is certain with it."""
        return self._grown(self.telling.feed(drawn))

    def finish(self) -> str:
        """No more symbols come; the rest of the text."""
        return self._grown(self.telling.finish())

    def _grown(self, piece: str) -> str:
        self.text += piece
        return piece


def write_alone(written: Written, course: Course, text: Text, tell: Callable[[str], None]) -> None:
    """A whole text, piece by piece as it comes."""
    from seqlab.generation.generate import write

    for drawn in write(course, text, written.timed):
        tell(written.take(drawn))
        if written.telling.reason is not None:
            break
    tell(written.finish())


def write_together(writer: Writer, texts: Sequence[Written], orders: Sequence[Order], rows: int) -> None:
    """Whole texts, up to `rows` at a time. A prompt that begins as one before is not read from its beginning."""
    from seqlab.generation.batching import Batch
    from seqlab.generation.prompts import PromptCache

    batch = Batch(writer.model, PromptCache(PROMPTS))
    waiting = deque(zip(texts, orders, strict=True))
    going: dict[Text, Written] = {}
    while waiting or going:
        while waiting and len(going) < rows:
            one, order = waiting.popleft()
            with one.timed.reading(len(order.prompt)):
                text, drawn = batch.join(order)
            going[text] = one
            _take(batch, going, text, drawn)
        if going:
            with texts[0].timed.stepping(len(going)):
                found = batch.step()
            for text, drawn in found:
                _take(batch, going, text, drawn)


def _take(batch: Batch, going: dict[Text, Written], text: Text, drawn: Drawn) -> None:
    one = going[text]
    one.take(drawn)
    if one.telling.reason is not None or text.ended is not None:
        batch.leave([text])
        del going[text]
        one.finish()
