"""Micro-batches are weighted by their number and not by what they score (Potts notebook, defect 1).

There each part counted by its structures while the loss is a mean over residues, so the gradient depended on how the
batch happened to be cut.
"""

from __future__ import annotations

from typing import Any

import torch
from exhibits import small

from seqlab.experiment import Experiment
from seqlab.train.step import update
from seqlab.train.training import Training

CAUGHT_BY = "batch_parts"
SAYS = r"batch\.accumulate`=3 has another gradient .* weighted wrongly"


def faulty() -> Experiment:
    return small()


def step(t: Training) -> dict[str, Any]:
    batch = t.task.batch(t.experiment.seed, t.step, t.experiment.batch.size)
    parts = batch.parts(t.experiment.batch.accumulate)
    total = torch.zeros(())
    for part in parts:
        mean = t.task.loss(t.weights.worker, part)[0] / part.tensors["targets"].numel()
        (mean / len(parts)).backward()
        total += mean.detach() / len(parts)
    metrics = update(t)
    t.optimiser.zero_grad()
    t.step += 1
    return {**metrics, "train/loss": total}
