"""A method that is configured and never called (plasticity notebook, 01/18: resets silently not applied).

The algorithm's name was missing from one of several `if alg == ... or ...`, so the runs had its penalty and none of
its resets. The main table has a row of them: "SNR-L2* (accident: resets off)".
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from exhibits import small

from seqlab.experiment import Experiment
from seqlab.methods.shrink_and_perturb import ShrinkAndPerturb
from seqlab.train.step import optimiser_step
from seqlab.train.training import Training

CAUGHT_BY = "method_effect"
SAYS = r"shrink_and_perturb is configured and never called"


def faulty() -> Experiment:
    return replace(small(), methods=(ShrinkAndPerturb(every_steps=5, every_tasks=None),))


def step(t: Training) -> dict[str, Any]:
    return optimiser_step(t)
