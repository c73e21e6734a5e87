"""The plan as a list of Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seqlab.cli import markdown, render
from seqlab.cli.results import best_known, standing
from seqlab.journal import days
from seqlab.journal.plan import PENDING

__all__ = ["plan_lines"]

BOXES = {"open": "[ ] ", "running": "[ ] ", "done": "[x] ", "dropped": ""}


def plan_lines(tree: Sequence[Mapping[str, Any]], depth: int = 0) -> Iterator[str]:
    """The items as a nested list of Markdown, with boxes."""
    for item in tree:
        since = f"{item['state']} {'since ' * (item['state'] in PENDING)}{days.day(item['since'])}"
        text = f"~~{item['text']}~~" if item["state"] == "dropped" else item["text"]
        yield markdown.item(f"{item['id']} {text} ({since})", depth, BOXES[item["state"]])
        for note in item["notes"]:
            yield markdown.item(f"{days.day(note['time'])}: {note['text']}", depth + 1)
        for run in item["runs"]:
            yield markdown.item(f"run {_run_line(run)}", depth + 1)
        yield from plan_lines(item["items"], depth + 1)


def _run_line(run: Mapping[str, Any]) -> str:
    if run["state"] is None:
        return f"{run['name']}: {run['evidence']}"
    phase, result = best_known(run["last"])
    told = [run["state"]]
    if result:
        where = standing(result["loss"], run["floors"])
        told.append(f"{phase.replace('_', ' ')} loss {render.figure(result['loss'])}{f' ({where})' if where else ''}")
    told += [run["verdict"]] if run["verdict"] else []
    told += [f"TAINTED: {run['taint']}"] if run["taint"] and run["verdict"] != "bug" else []
    return f"{run['name']}: {', '.join(told)}"
