"""A method whose interval is longer than the run: it is configured, recorded, compared, and never acts.

The plasticity notebook mixed up its units (a frequency per step, per epoch, per task; batches, tokens, examples), and
with them whole rows of its sweeps.
"""

from __future__ import annotations

from dataclasses import replace

from exhibits import small

from seqlab.experiment import Experiment
from seqlab.methods.shrink_and_perturb import ShrinkAndPerturb

CAUGHT_BY = "method_effect"
SAYS = r"shrink_and_perturb never acts"


def healthy() -> Experiment:
    return replace(small(), methods=(ShrinkAndPerturb(every_steps=10, every_tasks=None),))


def faulty() -> Experiment:
    return replace(small(), methods=(ShrinkAndPerturb(every_steps=600, every_tasks=None),))
