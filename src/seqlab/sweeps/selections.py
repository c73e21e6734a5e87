"""The selections that were made from a sweep, kept with their rules: append-only, so that a choice can be traced."""

from __future__ import annotations

from typing import Any

from seqlab.journal import clock
from seqlab.journal.files import append_next
from seqlab.journal.lines import Record, read_lines
from seqlab.sweeps.record import Nothing, Sweep

__all__ = ["keep_selection", "selections"]


def keep_selection(sweep: Sweep, told: dict[str, Any]) -> bool:
    """Append a selection, unless it is the same as the last one. Returns whether it was."""

    def line() -> Record:
        last = selections(sweep)[-1:]
        if last and {key: value for key, value in last[0].items() if key != "time"} == told:
            raise Nothing
        return {"time": clock.now(), **told}

    try:
        append_next(sweep.selections_file, line)
    except Nothing:
        return False
    return True


def selections(sweep: Sweep) -> list[Record]:
    """What was selected, oldest first: {"time", "rules": [{"rule", "winner", "settings", "ties", ...}]}."""
    return read_lines(sweep.selections_file).records
