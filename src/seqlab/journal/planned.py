"""The plan as plain values, with what the runs of its items show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqlab.journal.book import LabBook
from seqlab.journal.errors import JournalError
from seqlab.journal.lineage import by_every_name
from seqlab.journal.plan import Plan, linked
from seqlab.journal.results import so_far
from seqlab.journal.run import Run
from seqlab.journal.taint import taints

__all__ = ["plan_tree", "skipped_lines"]


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
        found = linked(plan.items[branch["id"]], known)
        runs = [_told(name, run, tainted) for name, run in found.items()]
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
