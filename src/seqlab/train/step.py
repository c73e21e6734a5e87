"""One optimiser step, read downwards."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from seqlab.kernels.recording import note
from seqlab.regularisers import Regulariser
from seqlab.tasks import Batch
from seqlab.train.distributed import whole
from seqlab.train.interventions import Metrics, distinct_names, measure_probes, observe, remember_weights, seen, watched
from seqlab.train.training import Training, fresh_weights, seed_generators

__all__ = ["advance", "backward", "optimiser_step", "set_rates", "shape_gradient", "update"]


def optimiser_step(t: Training) -> Metrics:
    """Forward, backward, update; returns `train/...` of the forward pass that made the gradient, on the device."""
    with t.shares("data"):
        batch = t.next_batch()
    metrics = backward(t, batch)
    is_usable = t.loss_scale.unscale([p.grad for p in t.weights.trainable.values() if p.grad is not None])
    metrics |= measure_probes(t, "before_update", t.step + 1)
    observe(t, seen(t))
    remember_weights(t, t.step + 1)
    with t.shares("optimiser"):
        if is_usable:
            metrics |= update(t)
        t.optimiser.zero_grad(set_to_none=True)
    if t.loss_scale.active:
        metrics["train/overflows"] = float(t.loss_scale.overflows)
    advance(t, batch)
    return metrics


def backward(t: Training, batch: Batch) -> Metrics:
    """The gradient of a batch, into the master weights, scaled; returns `train/...` of its forward passes."""
    spec, shares = t.experiment, t.shares
    sums: dict[str, Tensor | float] = {"loss": 0.0}
    parts = t.task.parts(batch, t.world.size * spec.batch.accumulate, t.model)
    for index, part in t.world.share(parts):
        begin_dropout(t, index)
        note(partial(begin_dropout, t, index))
        with shares("forward"), watched(t):
            loss, others = t.task.loss(t.together, part)
        with shares("backward"):
            # Processes leave the mean of their gradients, and the sum is wanted.
            (loss * (t.loss_scale.scale * t.world.size / batch.scored)).backward()
            t.weights.collect()
        for name, value in {"loss": loss, **others}.items():
            sums[name] = sums.get(name, 0.0) + value.detach()
    return {f"train/{name}": value / batch.scored for name, value in t.world.total(sums).items()}


def begin_dropout(t: Training, part: int) -> None:
    """Put torch's generators to the stream of this step and part of its batch, of which nothing need be saved."""
    seed_generators(t.experiment.seed, "dropout", t.step, part)


def update(t: Training) -> dict[str, Tensor | float]:
    """Penalties, clipping, the optimiser, and what follows the weights."""
    metrics = shape_gradient(t)
    metrics["train/lr"] = set_rates(t)
    t.optimiser.step()
    t.weights.publish()
    t.weights.update_average()
    return metrics


def shape_gradient(t: Training) -> dict[str, Tensor | float]:
    """What the gradient of the loss becomes before the optimiser sees it: penalties are added, then it is clipped."""
    spec = t.experiment
    metrics: dict[str, Tensor | float] = {}
    for index, regulariser in enumerate(spec.regularisers):
        metrics |= penalise(t, index, regulariser)
    if spec.clip is not None:
        metrics["train/gradient_norm"] = whole(
            torch.nn.utils.clip_grad_norm_(t.weights.trainable.values(), spec.clip, foreach=True)
        )
    return metrics


def set_rates(t: Training) -> float:
    """Give every parameter group its rate for the present step; returns the one in force, read from the optimiser, of
    the parameters that have `optim.lr`, else of the first group."""
    groups, spec = t.optimiser.param_groups, t.experiment
    for group in groups:
        group["lr"] = spec.schedule.lr(group["initial_lr"], t.step, t.steps or 0, t.schedule_memory)
    main = next((group for group in groups if group["initial_lr"] == spec.optim.lr), groups[0])
    rate: float = main["lr"]
    return rate


def penalise(t: Training, index: int, regulariser: Regulariser) -> dict[str, Tensor | float]:
    """Add the gradient of a penalty on the master weights; returns the penalty's value."""
    reference: dict[str, Tensor] = {}
    if regulariser.compares_with() == "initial":
        reference = t.initial
    elif regulariser.compares_with() == "fresh":
        reference = fresh_weights(t, "regularisers", index, t.step)
    penalty = regulariser.penalty(t.weights.trainable, reference)
    penalty.backward()
    return {f"train/penalty_{distinct_names(t.experiment.regularisers)[index]}": penalty.detach()}


def advance(t: Training, batch: Batch) -> None:
    """Count the step that was taken."""
    t.step += 1
    t.tokens += batch.tokens
    t.epoch = batch.epoch
