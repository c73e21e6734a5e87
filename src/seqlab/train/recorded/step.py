"""An optimiser step that is recorded once, and run again; it is that of `seqlab.train.step`, bit for bit."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

import torch
from torch import Tensor

from seqlab.kernels.replay import Replay
from seqlab.optim.fused import FusedStep
from seqlab.tasks import Batch
from seqlab.train.interventions import Metrics, is_watched, observe, probes_due, seen
from seqlab.train.step import advance, backward, optimiser_step, set_rates, shape_gradient
from seqlab.train.training import Training

__all__ = ["RecordedStep"]


class RecordedStep:
    """Called, it takes a step and returns its `train/...`, which the next step overwrites.

    Each shape of a batch is recorded at its first. Ordinary steps are the first one, in which the optimiser makes its
    state, and those in which a probe looks. Raises CannotReplay. The weights must stay where they are.
    """

    def __init__(self, t: Training) -> None:
        self._t = t
        self._begun = False
        self._recorded: dict[Hashable, _Recorded] = {}

    def __call__(self) -> Metrics:
        t = self._t
        if not self._begun or probes_due(t, t.step + 1):
            self._begun = True
            return optimiser_step(t)
        with t.shares("data"):
            batch = t.next_batch()
        with t.shares("passes"):
            recorded = self._passed(batch)
        observe(t, recorded.activations)
        with t.shares("optimiser"):
            rate = set_rates(t)
            recorded.update()
        advance(t, batch)
        return recorded.metrics | {"train/lr": rate}

    def _passed(self, batch: Batch) -> _Recorded:
        """What is recorded of batches like this one, with the gradient of this one."""
        shapes = tuple((name, tensor.shape, tensor.dtype) for name, tensor in batch.tensors.items())
        key = shapes, batch.scored, is_watched(self._t)
        if key in self._recorded:
            self._recorded[key].passes(batch)
        else:
            self._recorded[key] = _Recorded(self._t, batch)
        return self._recorded[key]


class _Recorded:
    """The passes of one batch, which are taken now, and those of others after it; with the update by their gradient."""

    def __init__(self, t: Training, batch: Batch) -> None:
        self._t = t
        self._inputs = {name: tensor.clone() for name, tensor in batch.tensors.items()}
        here = replace(batch, tensors=self._inputs)
        self._replay = Replay(lambda: (backward(t, here), seen(t), shape_gradient(t)), with_gradients=True)
        passed, self.activations, shaped = self._replay.result
        self.metrics: Metrics = {**passed, **shaped}
        self._gradients = [(p, p.grad) for p in t.weights.trainable.values() if p.grad is not None]
        self._steps = self._fused()
        t.optimiser.zero_grad(set_to_none=True)

    def passes(self, batch: Batch) -> None:
        """Put metrics, activations and the gradient to those of a batch."""
        for name, tensor in batch.tensors.items():
            self._inputs[name].copy_(tensor)
        self._replay()

    def update(self) -> None:
        """The optimiser, and what follows the weights; the rates are set."""
        t = self._t
        if self._steps is None:
            for parameter, gradient in self._gradients:
                parameter.grad = gradient
            t.optimiser.step()
            t.optimiser.zero_grad(set_to_none=True)
        else:
            with torch.no_grad():
                for step, gradients in self._steps:
                    step(gradients)
        t.weights.publish()
        t.weights.update_average()

    def _fused(self) -> list[tuple[FusedStep, list[Tensor]]] | None:
        """The optimiser's step as one kernel a parameter group; None where it has none."""
        gradients = dict(self._gradients)
        steps = []
        for group in self._t.optimiser.param_groups:
            found = [parameter for parameter in group["params"] if parameter in gradients]
            step = self._t.experiment.optim.fused_step(group, found, self._t.optimiser.state)
            if step is None:
                return None
            steps.append((step, [gradients[parameter] for parameter in found]))
        return steps
