"""Does another process make the same data and the same model? An alphabet made of a set has another order in each."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar

from seqlab.audits import Audit, Finding, Stage, failed, passed, warned
from seqlab.audits.shared.subject import Subject
from seqlab.experiment import Experiment
from seqlab.spec import Part, from_json, load_file, to_json
from seqlab.spec.find import user_files_in
from seqlab.tasks import PreparedTask
from seqlab.train.training import build_model

__all__ = ["ProcessIndependence"]

TIMEOUT_SECONDS = 120


class ProcessIndependence(Audit):
    """Another process, in which Python hashes texts differently, must prepare the same batches and draw the same
    weights.

    It costs the start of a process, so it runs where the task or the model comes from a user's file, else on request.
    """

    stages: ClassVar[tuple[Stage, ...]] = ("before",)
    depends_on: ClassVar[tuple[str, ...]] = ("task", "model", "seed")

    def wanted(self, subject: Subject) -> bool:
        parts = (subject.experiment.task, subject.experiment.model)
        return any(user_files_in(part) for part in parts if isinstance(part, Part))

    def examine(self, subject: Subject) -> Finding:
        here = digests(subject.experiment, subject.task)
        there = _elsewhere(subject.experiment)
        if isinstance(there, str):
            return warned(f"another process could not make the same experiment: {there}")
        differing = [name for name, digest in here.items() if there.get(name) != digest]
        if differing:
            return failed(
                f"another process makes other {', '.join(differing)} of the same experiment and seed: something "
                "depends on the order of a set of texts, on Python's hash seed, or on a generator of its own; sort the "
                "vocabulary.",
                differing=differing,
            )
        return passed("another process makes the same batches and weights", compared=list(here))


def digests(experiment: Experiment, task: PreparedTask) -> dict[str, str]:
    """SHA-256 of what a process makes of an experiment, by name."""
    batches = [task.batch(experiment.seed, step, experiment.batch.size) for step in range(2)]
    made: dict[str, list[Any]] = {
        "batches": [tensor for batch in batches for _, tensor in sorted(batch.tensors.items())],
        "held-out inputs": list(task.held_out_inputs(2)),
        "assets": [json.dumps(task.assets(), sort_keys=True, default=str)],
        "weights": [tensor for _, tensor in sorted(build_model(experiment, task).state_dict().items())],
    }
    return {name: _digest(parts) for name, parts in made.items()}


def _digest(parts: list[Any]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() if isinstance(part, str) else part.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _elsewhere(experiment: Experiment) -> dict[str, str] | str:
    """What a process with another hash seed makes of it; a sentence where it fails."""
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    path = os.pathsep.join(filter(None, sys.path))  # what this process imports, that one imports from the same places
    asked = {"experiment": to_json(experiment), "files": _files(experiment)}
    done = subprocess.run(
        [sys.executable, "-m", "seqlab.audits.process_independence"],
        input=json.dumps(asked),
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


def _files(experiment: Experiment) -> list[str]:
    values = [getattr(experiment, field.name) for field in fields(experiment)]
    parts = [part for value in values for part in (value if isinstance(value, tuple) else (value,))]
    return [str(file.path) for part in parts if isinstance(part, Part) for file in user_files_in(part)]


def main() -> None:
    """The other process: reads an experiment, prints what it makes of it."""
    asked = json.load(sys.stdin)
    for path in dict.fromkeys(asked["files"]):
        load_file(Path(path))
    experiment = from_json(asked["experiment"])
    assert isinstance(experiment, Experiment)
    print(json.dumps(digests(experiment, experiment.task.prepare())))


if __name__ == "__main__":
    main()
