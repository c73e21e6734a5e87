"""A decay whose length is that of another run: after a tenth of the budget the learning rate is 0.

The curve is flat from there on, and looks like a model that has learned all it can.
"""

from __future__ import annotations

from dataclasses import replace

from exhibits import small

from seqlab.experiment import Experiment
from seqlab.optim.schedules.cosine import Cosine

CAUGHT_BY = "rate_schedule"
SAYS = r"is 0 in 90% of the run .* its length is not that of the budget"


def healthy() -> Experiment:
    return replace(small(), schedule=Cosine())


def faulty() -> Experiment:
    return replace(small(), schedule=Cosine(steps=2))
