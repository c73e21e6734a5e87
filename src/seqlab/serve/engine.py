"""The thread that computes: it admits waiting requests between steps and hands on each symbol as it is drawn."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from seqlab.generation.batching import Batch
from seqlab.generation.text import Drawn, Order, Text
from seqlab.serve.metrics import Metrics
from seqlab.serve.waiting import Waiting

__all__ = ["Broken", "Engine", "Stopping", "Ticket"]


class Stopping(Exception):
    """The server is about to end and takes no request any more."""


class Broken(Exception):
    """The model could not write this text; the message says why."""


Deliver = Callable[["Drawn | Broken | None"], None]


@dataclass(eq=False)
class Ticket:
    """A request on its way. deliver: called in the engine's thread with each symbol, with what went wrong, and with
    None at the end."""

    order: Order
    deliver: Deliver
    cancelled: bool = False
    ended: str | None = None


class Engine:
    """One model, up to `rows` texts together, `line` requests waiting.

    submit, cancel and stop may be called from any thread; they return at once.
    """

    def __init__(self, batch: Batch, *, rows: int, line: int, metrics: Metrics):
        self._batch, self._rows, self.metrics = batch, rows, metrics
        self._waiting: Waiting[Ticket] = Waiting(line)
        self._writing: dict[Text, Ticket] = {}
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def submit(self, client: str, ticket: Ticket) -> None:
        """Ask for a text. Raises Full where too many wait, Stopping after `stop`."""
        with self._changed:
            if self._stopping:
                raise Stopping("the server is about to end.")
            self._waiting.add(client, ticket)
            self._changed.notify()

    def cancel(self, ticket: Ticket) -> None:
        """Nobody wants this text any more: it leaves before the next step."""
        with self._changed:
            ticket.cancelled = True
            if self._waiting.remove(ticket):
                self.metrics.cancelled.inc()
            self._changed.notify()

    def stop(self) -> None:
        """Take no further request; what is under way is written to its end."""
        with self._changed:
            self._stopping = True
            self._changed.notify()

    def join(self, timeout: float | None = None) -> None:
        """Wait until all is written."""
        self._thread.join(timeout)

    def counts(self) -> tuple[int, int]:
        """Texts that are being written, and requests that wait."""
        with self._changed:
            return len(self._writing), len(self._waiting)

    def _run(self) -> None:
        while self._wait():
            self._drop_cancelled()
            self._admit()
            self._step()

    def _wait(self) -> bool:
        """Until there is work; False where there will be none."""
        with self._changed:
            self._changed.wait_for(lambda: self._writing or len(self._waiting) or self._stopping)
            return bool(self._writing or len(self._waiting))

    def _drop_cancelled(self) -> None:
        gone = [text for text, ticket in self._writing.items() if ticket.cancelled]
        for text in gone:
            del self._writing[text]
            self.metrics.cancelled.inc()
        self._batch.leave(gone)

    def _admit(self) -> None:
        """Waiting requests join, each with its first symbol, which does not wait for the others' next one."""
        while len(self._writing) < self._rows:
            with self._changed:
                if not len(self._waiting):
                    return
                ticket = self._waiting.next()
            try:
                with self.metrics.prefill.time():
                    text, drawn = self._batch.join(ticket.order)
            except Exception as error:  # a server never dies of a request
                self._fail(ticket, error)
                continue
            self.metrics.read.inc(len(ticket.order.prompt))
            if text.ended is None:
                self._writing[text] = ticket
            self._hand_on(ticket, text, drawn)

    def _step(self) -> None:
        if not self._writing:
            return
        try:
            with self.metrics.step.time():
                drawn = self._batch.step()
        except Exception as error:
            failed, self._writing = list(self._writing.values()), {}
            self._batch = Batch(self._batch.model, self._batch.prompts)
            for ticket in failed:
                self._fail(ticket, error)
            return
        for text, one in drawn:
            ticket = self._writing[text]
            if text.ended is not None:
                del self._writing[text]
            self._hand_on(ticket, text, one)

    def _hand_on(self, ticket: Ticket, text: Text, drawn: Drawn) -> None:
        self.metrics.written.inc()
        ticket.ended = text.ended
        ticket.deliver(drawn)
        if text.ended is not None:
            ticket.deliver(None)

    def _fail(self, ticket: Ticket, error: Exception) -> None:
        traceback.print_exception(error)
        self.metrics.failed.inc()
        ticket.deliver(Broken(f"{type(error).__name__}: {error}"))
        ticket.deliver(None)
