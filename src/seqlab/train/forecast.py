"""What a run will cost, before its first step: parameters, memory, disk and about how long.

Memory is counted, not guessed: one row goes through the model, and every tensor that the backward pass would keep is
added up. A large model does that on PyTorch's meta device, which has shapes and no numbers (its first use takes about
a second, so a small one runs as it is). Time is the arithmetic over the rate of this machine's matrix
products, measured for a few milliseconds; small models reach less than that, so it is a lower bound.
"""

from __future__ import annotations

import functools
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from seqlab.experiment import Experiment
from seqlab.journal.quota import room_left
from seqlab.kernels.memory import available_memory
from seqlab.nn.shapes_only import shapes_only
from seqlab.tasks import PreparedTask
from seqlab.train.precision import choose_device, choose_dtype
from seqlab.train.room import activation_bytes, free_disk

__all__ = ["Forecast", "TooLarge", "forecast", "refuse_beyond_quota", "refuse_if_too_large"]


SMALL_PARAMETERS = 20_000_000
SMALL_LENGTH = 8192


class TooLarge(Exception):
    """An experiment that cannot fit on this machine: one sentence."""


@dataclass(frozen=True)
class Forecast:
    """What an experiment needs, and what there is."""

    parameters: int
    memory_bytes: int
    """Weights, gradients, optimiser moments and the activations of one part of a batch."""
    memory_available: int
    checkpoint_bytes: int
    disk_bytes: int
    """All checkpoints that are kept at once."""
    disk_available: int
    quota_left: int | None
    """Bytes up to the quota of the lab book (`seqlab gc --quota`), negative beyond it; None without one."""
    steps: int | None
    flops: float | None
    """Floating-point operations of the whole training, None when it ends by the clock."""
    seconds: float | None
    """Lower bound: flops over the measured rate of matrix products."""

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)


def forecast(experiment: Experiment, task: PreparedTask, folder: Path) -> Forecast:
    """The forecast for an experiment whose run folder will lie below `folder`."""
    device = choose_device(experiment.device)
    dtype = choose_dtype(experiment.precision, device)
    parameters, activations, flops_a_row = _counted(experiment, task, dtype)
    # Master weights, their gradients and two moments in float32; the worker's copy and its gradients when narrower.
    master = 8 if dtype == torch.float64 else 4
    narrower = 2 * dtype.itemsize if dtype.itemsize < 4 else 0
    saved = master * (3 + _copies(experiment))
    updates = experiment.budget.updates(experiment.batch.size * task.row_tokens)
    steps = updates * task.stages if updates is not None else None
    flops = None
    if steps is not None and flops_a_row is not None:
        flops = 3.0 * flops_a_row * experiment.batch.size * steps
    return Forecast(
        parameters=parameters,
        memory_bytes=parameters * (saved + master + narrower) + activations,
        memory_available=available_memory(device),
        checkpoint_bytes=parameters * saved,
        disk_bytes=parameters * saved * _checkpoints(experiment, steps),
        disk_available=free_disk(folder),
        quota_left=room_left(folder),
        steps=steps,
        flops=flops,
        seconds=flops / matmul_rate(device, dtype) if flops is not None else None,
    )


_known: dict[tuple[Any, ...], tuple[int, int, float | None]] = {}
"""What was counted in this process, by all that decides it: the cells of a sweep often share it."""


def _counted(experiment: Experiment, task: PreparedTask, dtype: torch.dtype) -> tuple[int, int, float | None]:
    """Parameters, bytes of activations, and operations of one row's forward pass where the model tells them."""
    rows = -(-experiment.batch.size // experiment.batch.accumulate)
    recomputed, data = experiment.gradient_checkpointing, tuple(sorted(task.fingerprints.items()))
    key = (experiment.model, experiment.task, data, rows, dtype, recomputed)
    if key not in _known:
        model = _shapes_only(experiment, task)
        parameters = sum(p.numel() for p in model.parameters())
        if parameters <= SMALL_PARAMETERS and task.row_tokens <= SMALL_LENGTH:
            with torch.random.fork_rng(devices=[]):
                model = experiment.model.build(task.signature)
        activations = activation_bytes(model, task, rows, dtype, recomputed)
        flops = float(cast(Any, model).flops(task.row_tokens)) if hasattr(model, "flops") else None
        _known[key] = parameters, activations, flops
    return _known[key]


def _shapes_only(experiment: Experiment, task: PreparedTask) -> nn.Module:
    return shapes_only(lambda: experiment.model.build(task.signature))


def _copies(experiment: Experiment) -> int:
    """How often the weights are kept beside themselves: their average, and those of the first step."""
    return (experiment.averaging is not None) + any(r.compares_with() == "initial" for r in experiment.regularisers)


def _checkpoints(experiment: Experiment, steps: int | None) -> int:
    """How many checkpoints lie on disk at most, the one being written included."""
    spec = experiment.snapshots
    for_good = (steps or 0) // spec.keep_every_steps if spec.keep_every_steps else 0
    return spec.keep_last + len(spec.keep_best) + for_good + 1


@functools.cache
def matmul_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations a second of a square matrix product here: the best of a few, measured once."""
    size = 4096 if device.type == "cuda" else 512  # what keeps the device busy and takes milliseconds
    a = torch.full((size, size), 0.5, device=device, dtype=dtype)
    best = float("inf")
    for _ in range(6):
        start = time.perf_counter()
        a @ a
        if device.type == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start)
    return 2.0 * size**3 / best


def refuse_if_too_large(expected: Forecast) -> None:
    """Raise TooLarge when memory or disk cannot hold the run."""
    for what, needed, there, advice in (
        (
            "memory",
            expected.memory_bytes,
            expected.memory_available,
            "make `batch.size` or the model smaller, raise `batch.accumulate`, or ask `--fit batch.size`",
        ),
        (
            "disk",
            expected.disk_bytes,
            expected.disk_available,
            "free some, keep fewer checkpoints (`snapshots`), or choose another disk (SEQLAB_RUNS, `--runs`)",
        ),
    ):
        if needed > there:
            raise TooLarge(
                f"this experiment needs about {_size(needed)} of {what} and {_size(there)} are free; {advice}."
            )


def refuse_beyond_quota(expected: Forecast) -> None:
    """Raise TooLarge when a new run would take the lab book beyond its quota; one that goes on was let in before."""
    if expected.quota_left is not None and expected.disk_bytes > expected.quota_left:
        raise TooLarge(
            f"this experiment needs about {_size(expected.disk_bytes)} of disk and the quota leaves "
            f"{_size(max(expected.quota_left, 0))}; free some (`seqlab gc --what checkpoints --keep best`) or raise it "
            "(`seqlab gc --quota SIZE`)."
        )


def _size(size: float) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.1f} MiB"
