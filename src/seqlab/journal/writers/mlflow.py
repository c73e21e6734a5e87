"""MLflow's file store: an experiment `seqlab` with a run for each of ours."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path

from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking import MlflowClient

from seqlab.journal.errors import JournalError
from seqlab.journal.run import Run
from seqlab.journal.writers.shared.facts import leaves, told

__all__ = ["SHOWN_BY", "finish", "write"]

ALLOWED = "MLFLOW_ALLOW_FILE_STORE"
"""What newer releases want to be told before they read or write a folder of files."""
SHOWN_BY = f"{ALLOWED}=true mlflow ui --backend-store-uri {{folder}}"
EXPERIMENT = "seqlab"
BATCH = 1000
"""Metrics of one call at most, as MLflow allows."""
PARAMETERS = 100
LONGEST = 5_000
"""Characters of a tag or a parameter."""
ENDED = {"finished": "FINISHED", "running": "RUNNING", "stopped": "KILLED"}


def write(run: Run, folder: Path) -> int:
    """Write a run; returns how many values."""
    os.environ.setdefault(ALLOWED, "true")
    client = MlflowClient(tracking_uri=folder.absolute().as_uri())
    known = client.get_experiment_by_name(EXPERIMENT)
    experiment = known.experiment_id if known else client.create_experiment(EXPERIMENT)
    if client.search_runs([experiment], f"tags.`seqlab.run_id` = '{run.id or run.name}'"):
        raise JournalError(f"{folder} holds the run {run.name} already; give another --out")
    began = int(datetime.fromisoformat(run.created).timestamp() * 1000) if run.created else 0
    there = client.create_run(experiment, start_time=began, run_name=run.name).info.run_id
    tags = {f"seqlab.{name}": text for name, text in told(run).items()} | {"seqlab.run_id": run.id or run.name}
    client.log_batch(there, tags=[RunTag(name, text[:LONGEST]) for name, text in tags.items()])
    client.set_tag(there, "mlflow.note.content", "\n\n".join(told(run).values())[:LONGEST])
    parameters = iter(Param(name, str(value)[:LONGEST]) for name, value in leaves(run.experiment).items())
    while some := list(islice(parameters, PARAMETERS)):
        client.log_batch(there, params=some)
    count, metrics = 0, _metrics(run, began)
    while measured := list(islice(metrics, BATCH)):
        client.log_batch(there, metrics=measured)
        count += len(measured)
    state = run.state().name
    client.set_terminated(
        there, ENDED.get(state, "FAILED"), began + int(1000 * (run.summary.get("wall_seconds") or 0.0))
    )
    return count


def _metrics(run: Run, began: int) -> Iterator[Metric]:
    for line in run.metrics.lines():
        at = began + int(1000 * (line.get("wall_seconds") or 0.0))
        for name, value in line.items():
            if "/" in name:
                yield Metric(name, value, at, line["step"])


def finish(runs: Sequence[Run], folder: Path) -> None:
    """Nothing more: MLflow lays out its charts itself."""
