"""What a run has reached so far, from its summary and its newest metrics."""

from collections.abc import Mapping
from typing import Any

from seqlab.journal.run import Run

PHASES = ("val", "val_subset", "train")
"""Where a result is looked for: the whole split, else its subset, else training."""


def best_known(metrics: Mapping[str, float]) -> tuple[str, dict[str, float]]:
    """The most telling phase that has a loss, and its metrics by their names without it; ("", {}) when none has."""
    for phase in PHASES:
        found = {
            name.removeprefix(f"{phase}/"): value for name, value in metrics.items() if name.startswith(f"{phase}/")
        }
        if "loss" in found:
            return phase, found
    return "", {}


def reached(step: int | None, summary: Mapping[str, Any]) -> int | None:
    """Where a run stands: at the step of its newest line, or at a later one at which it ended without a line."""
    return max(step or 0, summary.get("step") or 0) or None


def so_far(run: Run) -> dict[str, Any]:
    """summary.json; where a run has metrics beyond it (it trains, or had no time to write its last), with what they
    say of step, epoch, tokens, seconds and speed."""
    summary, step = run.summary, run.metrics.step
    if step is None or step <= (summary.get("step") or 0):
        return summary
    newest = next(iter(run.metrics.tail(1)), {})
    newer = {name: newest[name] for name in ("step", "epoch", "tokens") if newest.get(name) is not None}
    newer["wall_seconds"] = max(summary.get("wall_seconds") or 0.0, newest.get("wall_seconds") or 0.0)
    rate = run.metrics.last.get("speed/tokens_per_second")
    return summary | newer | ({"tokens_per_second": rate} if rate else {})
