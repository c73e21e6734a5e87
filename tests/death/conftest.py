"""A short run that writes everything a run can write, in a lab book of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest
from short_runs import Short

from seqlab.experiment import Budget, Experiment, Snapshots
from seqlab.optim.schedules.plateau import Plateau
from tiny_runs import text, tiny, workplace

__all__ = ["text", "tiny", "workplace"]


@pytest.fixture
def short(tiny: Experiment) -> Short:
    """One layer and three steps, each with metrics, an evaluation and a checkpoint; averaged weights; pruning."""
    return Short(
        replace(
            tiny,
            model=replace(tiny.model, layers=tiny.model.layers[:1], dropout=0.1),
            budget=Budget(steps=3),
            schedule=Plateau(patience=0, threshold=0.5, factor=0.5),
            averaging=0.9,
            evaluation=replace(tiny.evaluation, every_steps=1),
            snapshots=Snapshots(every_steps=1, keep_last=1, keep_best=("val_subset/loss",)),
        )
    )
