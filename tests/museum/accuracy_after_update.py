"""The training accuracy is taken after the update on the same batch (plasticity notebook: all its train accuracies).

The step returned its loss, and accuracy was measured with the new parameters: .7955 in place of .7837 over all
steps, .905 in place of .892 in the last epoch. Reset methods were measured after their resets as well.
"""

from __future__ import annotations

from typing import Any

import torch
from exhibits import small

from seqlab.experiment import Experiment
from seqlab.train.step import optimiser_step
from seqlab.train.training import Training

CAUGHT_BY = "evaluation_phase"
SAYS = r"train/accuracy` is taken after the update"


def faulty() -> Experiment:
    return small()


def step(t: Training) -> dict[str, Any]:
    batch = t.task.batch(t.experiment.seed, t.step, t.experiment.batch.size)
    metrics = optimiser_step(t)
    with torch.no_grad():
        right = t.weights.worker(batch.tensors["inputs"]).argmax(-1) == batch.tensors["targets"]
    return {**metrics, "train/accuracy": right.float().mean()}
