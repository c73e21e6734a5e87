"""The plan: what is to be done, and which runs did it."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from seqlab.journal.known import Known
from seqlab.journal.lineage import by_every_name
from seqlab.journal.plan import STATES, Plan, linked, read_plan
from seqlab.web.lab import Lab

__all__ = ["page", "tree"]


def page(lab: Lab, request: Request) -> Response:
    """All items, with forms to change them."""
    plan = read_plan(lab.book)
    return lab.page(request, "plan.html", plan=tree(lab, plan), skipped=plan.skipped, states=STATES)


def tree(lab: Lab, plan: Plan, *, pending: bool = False) -> list[dict[str, Any]]:
    """The items with what their runs show; `pending`: only what is still to be done."""
    known = by_every_name(lab.everything())

    def told(branch: dict[str, Any]) -> dict[str, Any]:
        runs = [_run(name, run) for name, run in linked(plan.items[branch["id"]], known).items()]
        return {**branch, "runs": runs, "parts": [told(part) for part in branch["items"]]}

    return [told(branch) for branch in plan.tree(pending=pending)]


def _run(name: str, run: Known | None) -> dict[str, Any]:
    if run is None:
        return {"name": name, "state": None, "verdict": None}
    return {"name": run.name, "state": run.row["state"], "verdict": run.verdict}
