"""A run as other programs keep one: flat settings and a few texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from seqlab.journal.run import Run

__all__ = ["leaves", "told"]


def leaves(experiment: Mapping[str, Any]) -> dict[str, Any]:
    """Path -> value of every setting, parts by their names: numbers, words, true and false stay what they are."""
    return dict(_leaves(experiment, ""))


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, path if key == "part" and path else f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{path}.{index}")
    else:
        yield path, "none" if value is None else value


def told(run: Run) -> dict[str, str]:
    """What people said of the run: why it was made, its verdict, its tags, its notes. Empty ones are left out."""
    notes = "\n\n".join(
        f"{note.time[:10]} {f'[{note.verdict}] ' if note.verdict else ''}{note.text}" for note in run.notes()
    )
    found = {
        "why": run.why,
        "verdict": run.verdict,
        "tags": " ".join(run.tags),
        "notes": notes,
        "state": run.state().evidence,
    }
    return {name: text for name, text in found.items() if text}
