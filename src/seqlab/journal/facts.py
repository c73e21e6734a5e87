"""What the record says of a run as plain values: a row of a listing, and everything."""

from __future__ import annotations

from typing import Any

from seqlab.journal.results import reached, so_far
from seqlab.journal.run import Run

__all__ = ["row_facts", "run_facts"]


def row_facts(run: Run, taint: str | None, place: str | None = None) -> dict[str, Any]:
    """A row. place: where it waits in an engine's queue, as a sentence."""
    state, summary = run.state(), so_far(run)
    return {
        "name": run.name,
        "state": state.name,
        "evidence": f"{state.evidence}; {place}" if place else state.evidence,
        "place": place,
        "step": reached(run.metrics.step, summary),
        "steps": summary.get("steps"),
        "metrics": {"last": run.metrics.last, "best": run.metrics.best},
        "tags": run.tags,
        "why": run.why,
        "verdict": run.verdict,
        "taint": taint,
        "alarms": summary.get("alarms", []),
        "accepted": run.experiment.get("accept", []),
        "created": run.created,
        "wall_seconds": summary.get("wall_seconds"),
        "folder": str(run.folder),
    }


def run_facts(run: Run, taint: str | None) -> dict[str, Any]:
    """Everything."""
    state, summary, metrics = run.state(), so_far(run), run.metrics
    attempts = [{key: value for key, value in attempt.items() if key != "folder"} for attempt in run.attempts()]
    return {
        "name": run.name,
        "state": state.name,
        "evidence": state.evidence,
        "folder": str(run.folder),
        "created": run.created,
        "why": run.why,
        "tags": run.tags,
        "verdict": run.verdict,
        "taint": taint,
        "parent": run.parent,
        "experiment": run.experiment,
        "step": reached(metrics.step, summary),
        "metrics": {"step": metrics.step, "last": metrics.last, "best": metrics.best, "damaged": metrics.damaged},
        "floors": summary.get("floors", {}),
        "parameters": summary.get("parameters"),
        "wall_seconds": summary.get("wall_seconds", 0.0),
        "tokens_per_second": summary.get("tokens_per_second"),
        "summary": summary,
        "origin": run.origin,
        "audits": run.audits,
        "notes": [note._asdict() for note in run.notes()],
        "attempts": attempts,
        "events": run.events(),
        "checkpoints": checkpoints(run),
        "bytes": run.size(),
        "removed": run.removals(),
    }


def checkpoints(run: Run) -> list[int]:
    """The steps of the complete checkpoints; a manifest is written last."""
    manifests = (run.folder / "checkpoints").glob("*/MANIFEST.json")
    return sorted(int(manifest.parent.name) for manifest in manifests if manifest.parent.name.isdigit())
