"""How values look on a page: the filters of the templates."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from seqlab import wording
from seqlab.journal import days

__all__ = ["FILTERS", "age", "setting"]

SHOWN = 2000
"""Characters of a note on a page; the whole is a link away."""


def setting(value: Any) -> str:
    """A value of a spec, a part by its name: mlstm, 0.001, none."""
    if isinstance(value, dict) and "part" in value:
        return str(value["part"]).rpartition("/")[2]
    if isinstance(value, dict):
        return json.dumps(value)
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return ", ".join(map(setting, value))
    return wording.plain(value)


def value_of(value: Any) -> str:
    """Anything of the record: a measured number, a setting, a word."""
    if value is None:
        return ""
    return wording.figure(value) if isinstance(value, float) else setting(value)


def when(moment: str) -> str:
    """A time of the record by the clock on the wall: 2026-11-25 14:03."""
    try:
        at = days.local(moment)
    except ValueError:
        return moment
    return f"{at:%Y-%m-%d %H:%M}" if at else ""


def age(moment: str) -> str:
    """How long ago; the moment itself where it is no time."""
    try:
        return wording.ago(moment)
    except (ValueError, TypeError):  # a time without its zone, or none
        return str(moment)


def begin(text: str) -> str:
    """As much of a long text as a page shows."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]} ..."


def told(text: str | None) -> str:
    """Words of the record without their underscores."""
    return (text or "").replace("_", " ")


FILTERS: dict[str, Callable[..., Any]] = {
    "figure": wording.figure, "duration": wording.duration, "size": wording.size, "count": wording.count,
    "rate": wording.per_second, "ago": age, "when": when, "setting": setting, "value": value_of, "begin": begin,
    "told": told, "segment": lambda text: quote(str(text), safe=""),
}  # fmt: skip
