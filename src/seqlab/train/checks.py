"""What an experiment calls by name must be there: a slip is found before anything is written, not when it is due."""

from __future__ import annotations

from torch import nn

from seqlab.experiment import Experiment
from seqlab.spec import SpecError, did_you_mean, label
from seqlab.tasks import PreparedTask

__all__ = ["check_names"]


def check_names(experiment: Experiment, task: PreparedTask, model: nn.Module) -> None:
    """Raise SpecError for a pattern that matches no trainable parameter, a metric that no evaluation has, and a
    method that would never act."""
    trainable = {name: p for name, p in model.named_parameters() if p.requires_grad}
    for method in experiment.methods:
        method.chosen(trainable)
        if method.every_tasks is not None and method.every_tasks >= task.stages:
            raise SpecError(
                f"{label(type(method))} acts between tasks, after every {method.every_tasks}, and would never act: "
                f"this experiment has {task.stages}; set its `every_steps`, and `every_tasks=none`."
            )
    for regulariser in experiment.regularisers:
        regulariser.chosen(trainable)
    metrics = [f"val_subset/{name}" for name in task.metrics]
    for name in experiment.snapshots.keep_best:
        if name not in metrics:
            raise SpecError(f"snapshots.keep_best: no evaluation has `{name}`; {did_you_mean(name, metrics)}")
    experiment.schedule.remember({}, dict.fromkeys(metrics, 0.0), 0)
