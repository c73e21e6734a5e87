"""Days of the lab book: local calendar days, as people write them into a notebook. The record itself is in UTC."""

import re
from datetime import date, datetime, timedelta

from seqlab.journal.errors import JournalError


def local(moment: str) -> datetime | None:
    """A time of the record as the clock on the wall told it; None for one that nobody wrote down."""
    return datetime.fromisoformat(moment).astimezone() if moment else None


def day(moment: str) -> str | None:
    """The local day of a time of the record, 2026-11-25; such days sort. None for a time nobody wrote down."""
    at = local(moment)
    return at.date().isoformat() if at else None


def parse(text: str, today: date | None = None) -> str:
    """The day that `text` says: 2026-11-25, today, yesterday, or 3d for three days ago. Raises JournalError."""
    today = today or date.today()
    if back := re.fullmatch(r"(\d{1,5})d", text):
        return (today - timedelta(days=int(back[1]))).isoformat()
    if text in ("today", "yesterday"):
        return (today - timedelta(days=text == "yesterday")).isoformat()
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            raise ValueError("another form")
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise JournalError(f"{text!r} is no day; write 2026-11-25, today, yesterday, or 3d for 3 days ago") from None
