"""What trains at this moment, and what waits."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from seqlab.journal import JournalError, Run
from seqlab.journal.column_cache import ColumnCache
from seqlab.journal.curves import usual_metric
from seqlab.journal.floors import standing
from seqlab.journal.known import Known
from seqlab.journal.results import best_known, so_far
from seqlab.web.lab import Lab
from seqlab.web.svg import sparkline
from seqlab.wording import duration, figure, per_second, size, step_of

__all__ = ["page", "rows"]

ENDED = 8
"""The newest that have ended are shown below."""


def page(lab: Lab, request: Request) -> Response:
    """The page; its rows are asked for again every second."""
    return lab.page(request, "live.html", **_told(lab))


def rows(lab: Lab, request: Request) -> Response:
    """The part that changes."""
    return lab.page(request, "live_rows.html", **_told(lab))


def _told(lab: Lab) -> dict[str, Any]:
    listed = lab.listed()
    running = [known for known in listed if known.row["state"] == "running"]
    waiting = [known for known in listed if known.row["state"] == "queued"]
    ended = [known for known in listed if known.has_ended or known.row["state"] in ("crashed", "lost")]
    with ColumnCache() as cache:
        told = [_row(known, cache) for known in running]
    return {"running": told, "waiting": waiting, "ended": ended[: -ENDED - 1 : -1]}


def _row(known: Known, cache: ColumnCache) -> dict[str, Any]:
    run = Run(known.folder)
    row: dict[str, Any] = {"known": known, "problem": None, "share": None}
    try:
        summary = so_far(run)
        last = run.metrics.last
        step, steps = max(run.metrics.step or 0, summary.get("step") or 0), summary.get("steps")
        phase, values = best_known(last)
        train = last.get("train/loss")
        rate = summary.get("tokens_per_second")
        row |= {
            "step": step_of(step, steps),
            "share": min(100, round(100 * step / steps)) if steps else None,
            "loss": f"{phase.replace('_', ' ')} loss {figure(values['loss'])}" if values else "",
            "standing": standing(values["loss"], known.floors) if values else "",
            "train": figure(train),
            "rate": per_second(rate),
            "left": _left(step, steps, summary.get("wall_seconds")),
            "memory": size(last.get("memory/bytes")),
            "spark": _spark(run, cache),
        }
    except (JournalError, OSError, KeyError, TypeError) as error:
        row["problem"] = str(error)
    return row


def _left(step: int, steps: int | None, seconds: float | None) -> str:
    """How long it still takes, if it goes on as it went."""
    return duration(seconds / step * (steps - step)) if steps and seconds and 0 < step < steps else ""


def _spark(run: Run, cache: ColumnCache) -> str:
    metric = "train/loss" if "train/loss" in run.metrics.last else usual_metric(run)
    return sparkline(cache.columns(run, metric).values, metric)
