"""Runs side by side: what differs between them, their curves, and what of it is established."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from seqlab.differences import differences
from seqlab.journal import JournalError, Run
from seqlab.journal.comparison import compared, differences_that_matter
from seqlab.journal.curves import AXES, UNITS, usual_metric
from seqlab.journal.groups import RunGroup
from seqlab.journal.known import Known
from seqlab.journal.results import best_known
from seqlab.web.curves import axis_of
from seqlab.web.lab import Lab
from seqlab.web.words import value_of
from seqlab.wording import apart

__all__ = ["judged", "page"]

MOST = 50
JUDGED = 12
"""Groups that are judged against each other: of more there are too many pairs to establish anything."""
SAME_EVERYWHERE = ("schema",)


def page(lab: Lab, request: Request) -> Response:
    """The comparison of the runs that are asked for; without any, how to choose them."""
    chosen, missing = _chosen(lab, request)
    if len(chosen) < 2 or len(chosen) > MOST:
        everything = [known.name for known in lab.listed()[::-1]]
        return lab.page(request, "choose.html", names=everything, chosen=chosen, missing=missing, most=MOST)
    metrics = list(dict.fromkeys(name for known in chosen for name in known.metrics.last))
    metric = request.query_params.get("metric") or _usual(chosen)
    tainted = lab.taints()
    runs, names = [Run(known.folder) for known in chosen], [known.name for known in chosen]
    return lab.page(
        request, "compare.html",
        runs=_rows(chosen), paths=_paths(chosen), tainted=tainted, metrics=metrics, metric=metric, missing=missing,
        axes={axis: UNITS[axis] for axis in AXES}, axis=axis_of(request.query_params.get("x") or "step"),
        names=names, warnings=_warnings(runs, tainted), results=_results(chosen),
        has_seeds=len({known.setting for known in chosen}) < len(chosen),
        more=[known.name for known in lab.listed()[::-1] if known.name not in names],
    )  # fmt: skip


def _chosen(lab: Lab, request: Request) -> tuple[list[Known], list[str]]:
    """The runs of `?run=A&run=B`, and the names that are none."""
    known = {one.name: one for one in lab.everything()}
    asked = [name for text in request.query_params.getlist("run") for name in text.split(",") if name]
    names = list(dict.fromkeys(asked))
    return [known[name] for name in names if name in known], [name for name in names if name not in known]


def _usual(chosen: Sequence[Known]) -> str:
    try:
        return usual_metric(*chosen)
    except JournalError:
        return next((name for known in chosen for name in known.metrics.last), "")


def _paths(chosen: Sequence[Known]) -> list[str]:
    """The fields in which any run differs from the first."""
    first, *others = [known.experiment for known in chosen]
    found = dict.fromkeys(path for other in others for path in differences(first, other))
    return [path for path in found if path not in SAME_EVERYWHERE]


def _rows(chosen: Sequence[Known]) -> list[dict[str, Any]]:
    """For each run its values of what differs."""
    first = chosen[0].experiment
    paths = _paths(chosen)
    sides = [differences(first, known.experiment) for known in chosen]
    base = {path: pair[0] for side in sides for path, pair in side.items()}
    losses = apart(*(best_known(known.metrics.last)[1].get("loss") for known in chosen))
    return [
        {
            "known": known,
            "phase": best_known(known.metrics.last)[0],
            "loss": loss,
            "cells": [value_of(side[path][1] if path in side else base[path]) for path in paths],
        }
        for known, side, loss in zip(chosen, sides, losses, strict=True)
    ]


def _results(chosen: Sequence[Known]) -> list[tuple[str, list[str]]]:
    """The last values of the metrics that all of them have, probes' numbers left out."""
    first, *others = chosen
    common = [
        name for name in first.metrics.last
        if name.count("/") == 1 and all(name in other.metrics.last for other in others)
    ]  # fmt: skip
    return [(name, apart(*(known.metrics.last[name] for known in chosen))) for name in common]


def _warnings(runs: Sequence[Run], tainted: dict[str, str]) -> list[str]:
    try:
        return differences_that_matter(runs, tainted)
    except (JournalError, KeyError, TypeError, AttributeError) as error:
        return [f"one of these runs cannot be read: {error}"]


def judged(lab: Lab, request: Request) -> Response:
    """The part of the page that says what is established, over one axis; seeds of one setting are one group."""
    chosen, _ = _chosen(lab, request)
    axis = axis_of(request.query_params.get("x") or "step")
    groups: dict[str, list[Known]] = {}
    for known in chosen:
        groups.setdefault(known.setting, []).append(known)
    if not 2 <= len(groups) <= JUDGED:
        problem = f"{len(groups)} settings: between 2 and {JUDGED} are judged against each other; choose others"
        return lab.page(request, "judged.html", problem=problem, told=None)
    made = [RunGroup(members[0].name, tuple(Run(known.folder) for known in members)) for members in groups.values()]
    try:
        told = compared(made, request.query_params.get("metric") or _usual(chosen), (axis,), lab.taints())
    except JournalError as error:
        return lab.page(request, "judged.html", problem=str(error), told=None)
    return lab.page(request, "judged.html", problem=None, told=told, axis=axis, unit=UNITS[axis])
