"""What to run where the best lies on an edge: the cells beyond it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqlab.sweeps.select.choice import Choice
from seqlab.sweeps.select.groups import typed

__all__ = ["beyond"]


def beyond(choice: Choice) -> list[dict[str, str]]:
    """The settings (path -> text, as `cells.vary` takes them) that the alarms of a choice ask for, each once.

    Every cell that lies on an alarming edge and may be the best of its arm goes on beyond it, its other settings kept.
    """
    asked = [
        _moved(group.settings, alarm.knob, value)
        for arm in choice.arms
        for alarm in arm.boundary
        for group in arm.ties
        if group.settings.get(alarm.knob) == alarm.value
        for value in alarm.extension
    ]
    return list({tuple(settings.items()): settings for settings in asked}.values())


def _moved(settings: Mapping[str, Any], knob: str, value: float) -> dict[str, str]:
    return {path: typed(value if path == knob else old) for path, old in settings.items()}
