"""Weights & Biases, offline: a folder that `wandb sync` sends on. Nothing is sent from here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import wandb

from seqlab.journal.run import Run
from seqlab.journal.writers.shared.facts import leaves, told

__all__ = ["SHOWN_BY", "finish", "write"]

SHOWN_BY = "wandb sync {folder}/wandb/offline-run-*"
COUNTS = ("epoch", "task", "tokens", "wall_seconds")


def write(run: Run, folder: Path) -> int:
    """Write a run; returns how many values. What one step measured is one line there."""
    quiet = wandb.Settings(
        mode="offline", silent=True, disable_git=True, save_code=False, x_disable_stats=True, console="off"
    )
    texts = told(run)
    there = wandb.init(
        project="seqlab", name=run.name, id=run.id, dir=folder, tags=run.tags, settings=quiet,
        config=leaves(run.experiment), notes="\n\n".join(f"{name}: {text}" for name, text in texts.items()),
    )  # fmt: skip
    count = 0
    try:
        for line in run.metrics.lines():
            values = {name: value for name, value in line.items() if "/" in name}
            counts = {name: line[name] for name in COUNTS if name in line}
            there.log(values | counts, step=line["step"])
            count += len(values)
    finally:
        there.finish()
    return count


def finish(runs: Sequence[Run], folder: Path) -> None:
    """Nothing more: W&B lays out its charts itself."""
