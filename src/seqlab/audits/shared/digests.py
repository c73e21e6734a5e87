"""Digests of what an experiment starts from; as a program, those that another process finds.

    echo '{"experiment": {...}, "files": ["/home/me/mine.py"]}' | python -m seqlab.audits.shared.digests

prints {"batches": "...", "weights": "...", ...}.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import torch

from seqlab.audits.shared.scoring import AFFORDABLE_LOGITS, small_task
from seqlab.audits.shared.stubs import Uniform
from seqlab.experiment import Experiment
from seqlab.spec import from_json, load_file, to_json
from seqlab.spec.find import user_files_in
from seqlab.tasks import PreparedTask
from seqlab.train.training import build_model

__all__ = ["digests", "digests_elsewhere", "main"]

TIMEOUT = 600
"""Seconds after which the other process is given up."""


def digests(experiment: Experiment, task: PreparedTask) -> dict[str, str]:
    """A hash of each thing that an experiment starts from."""
    size = experiment.batch.size
    batches = (task.batch(experiment.seed, step, size) for step in (0, 1))
    return {
        "alphabet": _digest([json.dumps([task.assets(), vars(task.signature)], sort_keys=True)]),
        "held-out inputs": _digest(task.held_out_inputs(4)),
        "training batches": _digest(tensor for batch in batches for tensor in batch.tensors.values()),
        "evaluation": _digest(_evaluated(task)),
        "initial weights": _digest(build_model(experiment, task).state_dict().values()),
    }


def _evaluated(task: PreparedTask) -> list[torch.Tensor]:
    """What a model of symbols, and one of whole rows, is shown in the evaluation of a small subset."""
    small = small_task(task, AFFORDABLE_LOGITS // task.signature.outputs)
    stubs = [Uniform(task.signature.outputs, rows_only=rows_only).eval() for rows_only in (False, True)]
    for stub in stubs:
        with suppress(Exception), torch.no_grad():  # a task takes one of them, or asks more of a model than logits
            small.evaluate(stub, "val", subset=True)
    return [shown for stub in stubs for shown in stub.shown]


def _digest(parts: Iterable[torch.Tensor | str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part.detach().cpu().contiguous().flatten()
        digest.update(data if isinstance(data, bytes) else data.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def digests_elsewhere(experiment: Experiment, hash_seed: int) -> dict[str, str]:
    """The digests that a new process finds in the same folder, with a hash seed of its own (PYTHONHASHSEED).

    Raises RuntimeError with the last line that the process said when it fails."""
    files = [str(file.path) for file in user_files_in(experiment)]
    told = json.dumps({"experiment": to_json(experiment), "files": files})
    surroundings = os.environ | {
        "PYTHONHASHSEED": str(hash_seed),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    done = subprocess.run(
        [sys.executable, "-m", __name__], input=told, env=surroundings, capture_output=True, text=True, timeout=TIMEOUT
    )
    if done.returncode != 0:
        raise RuntimeError(f"another process could not prepare it: {done.stderr.strip().rpartition(chr(10))[2]}")
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Read an experiment from the standard input, print its digests."""
    told: dict[str, Any] = json.load(sys.stdin)
    for path in told["files"]:
        load_file(Path(path))
    experiment = cast(Experiment, from_json(told["experiment"]))
    print(json.dumps(digests(experiment, experiment.task.prepare())))


if __name__ == "__main__":
    main()
