"""How long ago a run last did something, and ages as people write them."""

import re
from datetime import UTC, datetime, timedelta

from seqlab.journal.errors import JournalError
from seqlab.journal.run import Run

_SECONDS = {"min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def parse_age(text: str) -> timedelta:
    """The age that `text` says: 30d, 12h, 2w, 90min. Raises JournalError."""
    shape = re.fullmatch(r"(\d+)\s*(min|h|d|w)", text.strip())
    if shape is None:
        raise JournalError(f"{text!r} is no age; write a whole number and min, h, d or w, such as 30d")
    return timedelta(seconds=int(shape[1]) * _SECONDS[shape[2]])


def last_act(run: Run) -> str:
    """When the run's newest attempt ended, else began, else the run was made; "" when nobody wrote it down."""
    for attempt in reversed(run.attempts()):
        return str((attempt["exit"] or {}).get("time") or (attempt["lease"] or {}).get("since") or run.created)
    return run.created


def older(run: Run, age: timedelta) -> bool:
    """Whether the run's last act is longer ago than `age`; one of unknown time is not."""
    act = last_act(run)
    return bool(act) and datetime.now(UTC) - datetime.fromisoformat(act) > age
