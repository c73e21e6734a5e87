"""The machine's rate of matrix products, and the share of it that training steps reach."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, cast

import torch

from seqlab.bench import Options, Row
from seqlab.bench.shared.machine import dtypes
from seqlab.bench.shared.products import best_rate, products
from seqlab.bench.shared.subjects import subjects, transformer
from seqlab.bench.shared.timing import alternate
from seqlab.experiment import Budget, Experiment
from seqlab.train.precision import choose_device
from seqlab.train.step import optimiser_step
from seqlab.train.training import assemble

__all__ = ["measure"]

LARGER = "4 layers of width 512"
ENDLESS = 1_000_000
"""Steps of a budget that no measurement reaches."""


def measure(options: Options) -> list[Row]:
    """Products of square matrices, then training steps. A step's rate is three times the model's forward operations
    over the time of a whole optimiser step (data, loss, clipping and update included); `% of GEMM` is that over the
    rate of the best product in the same dtype."""
    devices = [torch.device("cpu")] + [torch.device("cuda")] * torch.cuda.is_available()
    rows = [row for device in devices for row in _products(device, options.quick)]
    for name, experiment in subjects(options, **{LARGER: transformer(dim=512, layers=4)}).items():
        rows += _steps(name, experiment, options.quick)
    return rows


def _products(device: torch.device, quick: bool) -> list[Row]:
    rows = []
    for name, dtype in dtypes().items():
        for size, timing in products(device, dtype, quick).items():
            rate = {"best GFLOP/s": 2e-9 * size**3 / timing.minimum}
            what = f"product {size} {device.type} {name}"
            rows.append(timing.row(what, "ms", scale=1e3, also={"GFLOP/s": 2e-9 * size**3 / timing.median, **rate}))
    return rows


def _steps(name: str, experiment: Experiment, quick: bool) -> list[Row]:
    device, task = choose_device(experiment.device), experiment.task.prepare()
    experiment = replace(experiment, budget=Budget(steps=ENDLESS))
    trainings = {key: assemble(experiment, task, device, dtype) for key, dtype in dtypes().items()}
    functions = {key: partial(optimiser_step, training) for key, training in trainings.items()}
    times = alternate(functions, rounds=1 if quick else 9, warm_up=1 if quick else 3)
    rows = []
    for key, timing in times.items():
        forward = float(cast(Any, trainings[key].model).flops(task.row_tokens)) * experiment.batch.size
        rate = best_rate(device, dtypes()[key], quick)
        also = {
            "% of GEMM": 100 * 3 * forward / timing.median / rate,
            "GFLOP/s": 3e-9 * forward / timing.median,
            "tokens/s": experiment.batch.size * task.row_tokens / timing.median,
        }
        rows.append(timing.row(f"step of {name} {device.type} {key}", "ms", scale=1e3, also=also))
    return rows
