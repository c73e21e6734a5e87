"""The request to stop a sweep: nothing more is claimed while it stands. Going on with the sweep takes it back."""

from __future__ import annotations

from seqlab.journal import clock
from seqlab.journal.files import replace_json
from seqlab.sweeps.record import Sweep

__all__ = ["is_stopping", "let_go_on", "request_stop"]


def request_stop(sweep: Sweep) -> None:
    """Ask everyone who works at a sweep to save what they have and end."""
    replace_json(sweep.stop_file, {"time": clock.now()})


def is_stopping(sweep: Sweep) -> bool:
    """Whether somebody has asked for that."""
    return sweep.stop_file.exists()


def let_go_on(sweep: Sweep) -> None:
    """Take the request back."""
    sweep.stop_file.unlink(missing_ok=True)
