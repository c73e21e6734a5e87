"""What an experiment calls by name must be there: a slip is found before anything is written, not when it is due."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from seqlab.experiment import Experiment
from seqlab.journal import Run
from seqlab.methods import Method
from seqlab.nn.units import hidden_units
from seqlab.spec import SpecError, did_you_mean, label
from seqlab.tasks import PreparedTask
from seqlab.train.training import Training
from seqlab.train.watching import watching_parts

__all__ = ["check_distribution", "check_names", "check_processes"]


def check_names(experiment: Experiment, task: PreparedTask, model: nn.Module) -> None:
    """Raise SpecError for a pattern that matches no trainable parameter, a metric that no evaluation has, and a
    method that would never act."""
    trainable = {name: p for name, p in model.named_parameters() if p.requires_grad}
    shared = shared_parameters(model)
    for method in experiment.methods:
        method.chosen(trainable)
        _check_units(method, trainable, model, shared)
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


def _check_units(method: Method, trainable: Mapping[str, Tensor], model: nn.Module, shared: Collection[str]) -> None:
    """Raise SpecError where a method of hidden units has none to act on, or cannot act on one layer alone."""
    if not method.of_units:
        return
    units = hidden_units(model)
    if not units:
        raise SpecError(
            f"{label(type(method))} acts on hidden units, and {type(model).__name__} has none between two linears that "
            "belong together; leave it out, or let the module tell them (`hidden_units`)."
        )
    for name, layer in method.layers(units).items():
        for path in layer.parameters():
            if path in shared:
                raise SpecError(
                    f"{label(type(method))}: `{path}` is shared by two layers, so that a reset in `{name}` would "
                    "change the other one, too; give each weights of its own, or name others in `where`."
                )
            if path not in trainable:
                raise SpecError(
                    f"{label(type(method))}: `{path}` of the layer `{name}` is frozen; name the layer in "
                    "`except_where`."
                )


def shared_parameters(model: nn.Module) -> set[str]:
    """Every path of the parameters that a model has under several."""
    paths: dict[nn.Parameter, list[str]] = {}
    for path, parameter in model.named_parameters(remove_duplicate=False):
        paths.setdefault(parameter, []).append(path)
    return {path for found in paths.values() if len(found) > 1 for path in found}


def check_distribution(t: Training) -> None:
    """Raise SpecError naming the first part of an experiment that several processes cannot train."""
    spec = t.experiment.distribution
    if spec.processes == 1:
        return
    for path, module in t.model.named_modules():
        if hasattr(module, "gathers") or isinstance(module, nn.modules.batchnorm._BatchNorm):
            raise SpecError(
                f"`{path}` ({type(module).__name__}) takes statistics over the rows of a batch, of which each of "
                f"{spec.processes} processes sees only its own; choose another norm, or `distribution.processes=1`."
            )
    for path, part in watching_parts(t.experiment).items():
        raise SpecError(
            f"`{path}` ({label(type(part))}) watches units over all rows of a batch, of which each of "
            f"{spec.processes} processes sees only its own; leave it out, or set `distribution.processes=1`."
        )
    if spec.sharding == "full":
        _must_be_divisible(t)


def _must_be_divisible(t: Training) -> None:
    experiment = t.experiment
    refused = [
        *([] if experiment.optim.elementwise else [("optim", experiment.optim)]),
        *((f"methods.{index}", method) for index, method in enumerate(experiment.methods)),
        *((f"regularisers.{index}", regulariser) for index, regulariser in enumerate(experiment.regularisers)),
        *((f"probes.{index}", probe) for index, probe in enumerate(experiment.probes)),
    ]
    for path, part in refused:
        raise SpecError(
            f"`{path}` ({label(type(part))}) needs whole weights, of which each process holds a share; leave it out, "
            "or set `distribution.sharding=none`."
        )
    if t.dtype not in (torch.float32, torch.float64):
        raise SpecError(
            f"precision={str(t.dtype).removeprefix('torch.')} computes with a second copy of the weights, which is "
            "not shared out; set `precision=float32`, or `distribution.sharding=none`."
        )


def check_processes(t: Training, run: Run) -> None:
    """Raise SpecError where a run begins on another number of processes than it asks for, or a process has no row."""
    asked, there, batch = t.experiment.distribution.processes, t.world.size, t.experiment.batch
    if asked != there and not run.attempts():
        raise SpecError(
            f"{run.name} asks for {asked} processes and this is {there}; `seqlab resume {run.name} --on torchrun` "
            "starts them."
        )
    if batch.size < there * batch.accumulate:
        raise SpecError(
            f"{there} processes need a row each in every part, and batch.size={batch.size} in {batch.accumulate} parts "
            f"has fewer; go on with {batch.size // batch.accumulate} or less."
        )
