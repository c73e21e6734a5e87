"""The journal: what was done, day by day, the newest first, with what is planned beside it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from seqlab.journal import Run, days
from seqlab.journal.entry import Entry, Writer
from seqlab.journal.floors import between
from seqlab.journal.known import Known
from seqlab.journal.lineage import by_every_name
from seqlab.journal.notebook import Notebooks
from seqlab.journal.plan import read_plan
from seqlab.journal.results import best_known
from seqlab.web.lab import Lab
from seqlab.web.pages.plan import tree
from seqlab.web.paging import Paging
from seqlab.web.search import found
from seqlab.wording import figure, metrics_line, step_of

__all__ = ["page", "result"]

ENTRIES = 25
"""On a page."""


def page(lab: Lab, request: Request) -> Response:
    """The entries that match, a page of them."""
    asked = request.query_params
    everything, plan = lab.everything(), read_plan(lab.book)
    notebooks = Notebooks(by_every_name(everything))
    matching, problem = found(lab.listed(), asked.get("q", ""))
    names = sorted({name for known in matching if (name := notebooks.of(known))})
    if notebook := asked.get("notebook"):
        matching = [known for known in matching if notebooks.of(known) == notebook]
    paging = Paging.of(request, len(matching), ENTRIES)
    shown = paging.cut(matching[::-1])
    writer = Writer(everything, plan, notebooks)
    entries = [_entry(writer, known) for known in shown]
    by_day = [(_title(day), [_told(entry) for entry in group]) for day, group in groupby(entries, lambda one: one.day)]
    return lab.page(
        request, "journal.html",
        days=by_day, paging=paging, problem=problem, notebooks=names, notebook=notebook,
        plan=tree(lab, plan, pending=True), skipped=plan.skipped, total=len(lab.listed()),
    )  # fmt: skip


def _entry(writer: Writer, known: Known) -> Entry:
    """The entry of a run; what is wrong with it where it cannot be read, or is of a form that nobody knows."""
    damage = known.damage
    if damage is None:
        try:
            return writer.entry(Run(known.folder))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            damage = f"it is of another form than this program knows ({type(error).__name__}: {error})"
    created = known.created
    return Entry(known.name, str(known.folder), created, _day(created), damage=damage)


def _day(created: str) -> str | None:
    try:
        return days.day(created)
    except ValueError:
        return None


def _title(day: str | None) -> str:
    if day is None:
        return "Nobody knows when"
    today = days.parse("today")
    return f"Today, {day}" if day == today else f"Yesterday, {day}" if day == days.parse("yesterday") else day


def _told(entry: Entry) -> dict[str, Any]:
    return {"entry": entry, "result": result(entry.metrics, entry.floors, entry.step, entry.steps)}


def result(
    metrics: Mapping[str, Any], floors: Mapping[str, Any], step: int | None, steps: int | None
) -> dict[str, str]:
    """What a run came to: "what" (val loss), "value", where it stands "among" the floors, "others", "at" which step."""
    last = metrics.get("last") or {}
    phase, values = best_known(last)
    if not values:
        told = metrics_line(last)
        return {"what": "", "value": "", "among": "", "others": told, "at": step_of(step, steps)} if told else {}
    others = {f"{phase}/{name}": value for name, value in values.items() if name not in ("loss", "lr")}
    return {
        "what": f"{phase.replace('_', ' ')} loss",
        "value": figure(values["loss"]),
        "among": between(values["loss"], floors),
        "others": metrics_line(others).removeprefix(f"{phase} "),
        "at": step_of(step, steps),
    }
