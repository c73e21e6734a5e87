"""How far long work with data is, on the standard error: one live line on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time

import click

__all__ = ["Shown"]

PATIENCE_SECONDS = 2.0
"""Work that is done sooner is not told of."""
EVERY_SECONDS = 30.0
"""Between lines where there is no terminal."""


class Shown:
    """A listener of seqlab.data.progress."""

    def __init__(self) -> None:
        self._what, self._started, self._told = "", 0.0, 0.0

    def __call__(self, what: str, share: float) -> None:
        now, live = time.monotonic(), sys.stderr.isatty()
        if what != self._what:
            self._what, self._started, self._told = what, now, now
        done, due = share >= 1.0, now - self._told >= (0.2 if live else EVERY_SECONDS)
        if now - self._started < PATIENCE_SECONDS or not (done or due):
            return
        self._told = now
        told = f"{what}: {share:.0%}"
        click.echo(f"\r{told}" if live else told, err=True, nl=done or not live)
