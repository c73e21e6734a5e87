"""Requests to end early, obeyed after the present step, or call of several updates: Ctrl-C, SIGTERM, SIGHUP (a lost
terminal), SIGUSR2 (a scheduler's warning), a deadline."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType
from typing import Self

__all__ = ["Signals"]

REASONS = {
    signal.SIGINT: "stopped",
    signal.SIGTERM: "preempted",
    signal.SIGHUP: "preempted",
    signal.SIGUSR2: "preempted",
}


class Signals:
    """While entered, a signal sets `reason` to the state that the run will end in, and the first one counts; a second
    Ctrl-C interrupts at once.

    deadline: seconds since the epoch (`time.time()`), or None. It is taken as so many seconds from now: a clock that is
    set meanwhile moves it no more than it moves a scheduler's limit. Outside the main thread only the deadline is
    watched, since Python delivers signals to the main thread alone.
    """

    def __init__(self, deadline: float | None = None) -> None:
        self._reason: str | None = None
        self._deadline = None if deadline is None else time.monotonic() + deadline - time.time()
        self._interrupted = False
        self._previous: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            # Under nohup SIGHUP is ignored on purpose, and stays so.
            under_nohup = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
            heard = [number for number in REASONS if not (under_nohup and number == signal.SIGHUP)]
            self._previous = {number: signal.signal(number, self._received) for number in heard}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)  # type: ignore[arg-type]

    def _received(self, number: int, _: FrameType | None) -> None:
        if number == signal.SIGINT and self._interrupted:
            raise KeyboardInterrupt
        self._interrupted = self._interrupted or number == signal.SIGINT
        self._reason = self._reason or REASONS[signal.Signals(number)]

    @property
    def reason(self) -> str | None:
        """The state to end in, or None to go on."""
        if self._reason is None and self._deadline is not None and time.monotonic() >= self._deadline:
            return "timed_out"
        return self._reason
