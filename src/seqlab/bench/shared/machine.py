"""Where and in what state a benchmark runs; to be asked before it begins."""

from __future__ import annotations

import os
from typing import Any, Literal

import torch

from seqlab.train.environment import environment
from seqlab.train.precision import choose_device

__all__ = ["Precision", "dtypes", "machine"]

Precision = Literal["float32", "bfloat16"]

IDLE_LOAD = 0.25
"""Processes a core, by the load average of the last minute, up to which a machine counts as idle."""


def machine() -> dict[str, Any]:
    """Processor, device, threads, versions, the load average of the last minute, and whether that is idle."""
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    facts = environment(choose_device("auto"), torch.float32)
    del facts["compute_dtype"]
    return {**facts, "load_average": round(load, 2), "idle": load <= IDLE_LOAD * cores}


def dtypes() -> dict[Precision, torch.dtype]:
    """The dtypes in which computations are compared, by name."""
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}
