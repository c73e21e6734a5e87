"""What a run will cost, before its first step: parameters, memory, disk and about how long.

Memory is counted, not guessed: one row goes through the model, and every tensor that the backward pass would keep is
added up. A large model does that on PyTorch's meta device, which has shapes and no numbers (its first use takes about
a second, so a small one runs as it is). Time is the arithmetic over the rate of this machine's matrix
products, measured for a few milliseconds; small models reach less than that, so it is a lower bound.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from seqlab.experiment import Experiment
from seqlab.spec import SpecError, override
from seqlab.tasks import PreparedTask
from seqlab.train.precision import choose_device, choose_dtype

__all__ = ["Forecast", "TooLarge", "fit", "forecast", "refuse_if_too_large"]


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
    model = _shapes_only(experiment, task)
    parameters = sum(p.numel() for p in model.parameters())
    if parameters <= SMALL_PARAMETERS and task.row_tokens <= SMALL_LENGTH:
        with torch.random.fork_rng(devices=[]):
            model = experiment.model.build(task.signature)
    rows = -(-experiment.batch.size // experiment.batch.accumulate)
    activations = _activation_bytes(model, task, rows, dtype, experiment.gradient_checkpointing)
    # Master weights, their gradients and two moments in float32; the worker's copy and its gradients when narrower.
    each = 16 + (0 if dtype in (torch.float32, torch.float64) else 2 * dtype.itemsize)
    each *= 2 if dtype == torch.float64 else 1
    each += 4 if experiment.averaging is not None else 0
    checkpoint_bytes = parameters * (12 + (4 if experiment.averaging is not None else 0))
    kept = experiment.snapshots.keep_last + len(experiment.snapshots.keep_best) + 1
    steps = _steps(experiment, task)
    flops = None
    if steps is not None and hasattr(model, "flops"):
        flops = 3.0 * float(cast(Any, model).flops(task.row_tokens)) * experiment.batch.size * steps
    return Forecast(
        parameters=parameters,
        memory_bytes=parameters * each + activations,
        memory_available=available_memory(device),
        checkpoint_bytes=checkpoint_bytes,
        disk_bytes=checkpoint_bytes * kept,
        disk_available=_free_disk(folder),
        steps=steps,
        flops=flops,
        seconds=flops / matmul_rate(device, dtype) if flops is not None else None,
    )


def _shapes_only(experiment: Experiment, task: PreparedTask) -> nn.Module:
    with torch.device("meta"), WithoutDraws():
        return experiment.model.build(task.signature)


class WithoutDraws(TorchFunctionMode):
    """Leaves out the drawing of weights: on the meta device there is nothing to draw, and torch would import its
    compiler for it (a second)."""

    def __torch_function__(
        self, function: Any, types: Any, arguments: tuple[Any, ...] = (), options: dict[str, Any] | None = None
    ) -> Any:
        if getattr(function, "__name__", "") in ("normal_", "uniform_", "trunc_normal_", "kaiming_uniform_"):
            return arguments[0] if arguments else (options or {})["tensor"]
        return function(*arguments, **(options or {}))


def _steps(experiment: Experiment, task: PreparedTask) -> int | None:
    budget, batch = experiment.budget, experiment.batch.size * task.row_tokens
    limits = [budget.steps, -(-budget.tokens // batch) if budget.tokens else None]
    steps = min((limit for limit in limits if limit is not None), default=None)
    return steps * task.stages if steps is not None else None


def _activation_bytes(model: nn.Module, task: PreparedTask, rows: int, dtype: torch.dtype, recomputed: bool) -> int:
    """Bytes of the tensors that the backward pass of `rows` rows keeps, from a forward pass on the meta device."""
    seen: dict[tuple[int, int], int] = {}
    parameters = {id(p.untyped_storage()) for p in model.parameters()}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if id(storage) not in parameters:
            seen[(id(storage), tensor._version)] = storage.nbytes()
        held.append(tensor)  # keeps the storage alive, so that its id stays its own
        return tensor

    held: list[Tensor] = []
    model.to(dtype).train()
    inputs = torch.zeros(1, task.row_tokens, dtype=torch.int64, device=next(model.parameters()).device)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        logits = model(inputs)
        total = logits.float().logsumexp(-1).sum()
    del total
    bytes_a_row = sum(seen.values())
    # Recomputing keeps the activations of one block, and the stream between blocks, which each block's count includes.
    blocks = len(list(getattr(model, "blocks", ()))) if recomputed else 0
    return rows * (2 * bytes_a_row // blocks if blocks > 1 else bytes_a_row)


def available_memory(device: torch.device) -> int:
    """Bytes that can still be allocated on the device."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _free_disk(folder: Path) -> int:
    while not folder.exists():
        folder = folder.parent
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def matmul_rate(device: torch.device, dtype: torch.dtype, size: int = 512) -> float:
    """Floating-point operations a second of a square matrix product here: the best of a few."""
    a = torch.randn(size, size, device=device).to(dtype)
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
    for what, needed, there in (
        ("memory", expected.memory_bytes, expected.memory_available),
        ("disk", expected.disk_bytes, expected.disk_available),
    ):
        if needed > there:
            raise TooLarge(
                f"this experiment needs about {needed / 2**30:.1f} GiB of {what} and {there / 2**30:.1f} GiB are free; "
                "make `batch.size` or the model smaller, raise `batch.accumulate`, or ask `--fit batch.size`."
            )


def fit(experiment: Experiment, field: str, folder: Path) -> int:
    """The largest value of a whole-number field with which the experiment still fits, found by bisection.

    Raises SpecError when the field does not take whole numbers or not even its smallest value fits.
    """

    def fits(value: int) -> bool:
        changed = override(experiment, {field: str(value)})
        task = changed.task.prepare()
        task.check_batch(changed.batch.size)
        expected = forecast(changed, task, folder)
        return expected.memory_bytes <= expected.memory_available and expected.disk_bytes <= expected.disk_available

    largest = _bisect(lambda value: _holds(fits, value))
    if largest is None:
        raise SpecError(f"--fit {field}: no value of it fits on this machine, or it does not take whole numbers.")
    return largest


def _holds(fits: Callable[[int], bool], value: int) -> bool:
    try:
        return fits(value)
    except Exception as error:
        if isinstance(error, (SpecError, ValueError)) or type(error).__name__ == "DataError":
            return False
        raise


def _bisect(fits: Callable[[int], bool], ceiling: int = 1 << 40) -> int | None:
    """The largest value that fits, among those reached by doubling and then halving the step; None for none."""
    low = next((1 << power for power in range(24) if fits(1 << power)), None)
    if low is None:
        return None
    step = low
    while low + step < ceiling and fits(low + step):
        low, step = low + step, step * 2
    while step > 1:
        step //= 2
        if fits(low + step):
            low += step
    return low
