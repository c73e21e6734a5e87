"""The plan as plain values with what its runs show, and as a list of Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seqlab.cli import markdown, render
from seqlab.cli.results import best_known, standing
from seqlab.journal import JournalError, LabBook, Run, days
from seqlab.journal.lineage import by_every_name
from seqlab.journal.plan import PENDING, Plan, linked_runs
from seqlab.journal.results import so_far
from seqlab.journal.taint import taints

__all__ = ["plan_lines", "plan_tree", "skipped_lines"]

BOXES = {"open": "[ ] ", "running": "[ ] ", "done": "[x] ", "dropped": ""}


def skipped_lines(plan: Plan) -> str:
    """A sentence about the lines that were left out; "" when there are none."""
    if not plan.skipped:
        return ""
    lines, were = ("1 line", "was") if plan.skipped == 1 else (f"{plan.skipped} lines", "were")
    return f"{lines} of .plan.jsonl cannot be read or understood and {were} left out."


def plan_tree(book: LabBook, plan: Plan, *, pending: bool = False) -> list[dict[str, Any]]:
    """The items as plain values, with what the folders of their runs show; `pending`: what is still to be done."""

    everything = book.everything() if any(item.runs for item in plan.items.values()) else []
    known, tainted = by_every_name(everything), taints(everything)

    def told(branch: dict[str, Any]) -> dict[str, Any]:
        linked = linked_runs(book, plan.items[branch["id"]], known)
        runs = [_told(name, run, tainted) for name, run in linked.items()]
        return {**branch, "runs": runs, "items": [told(part) for part in branch["items"]]}

    return [told(branch) for branch in plan.tree(pending=pending)]


def _told(name: str, run: Run | None, tainted: Mapping[str, str]) -> dict[str, Any]:
    """What a linked run shows; a run that is gone has no state."""
    facts: dict[str, Any] = {"name": name, "state": None, "evidence": "there is no such run any more"}
    if run is None:
        return facts
    try:
        state, summary = run.state(), so_far(run)
        facts |= {"name": run.name, "state": state.name, "evidence": state.evidence, "verdict": run.verdict}
        told = {"taint": tainted.get(run.name), "last": run.metrics.last, "floors": summary.get("floors", {})}
        return facts | told
    except JournalError as error:
        return {**facts, "evidence": str(error)}


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
