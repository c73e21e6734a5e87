"""An optimiser step that is recorded once, and run again; it is that of `seqlab.train.step`, bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace

import torch
from torch import Tensor

from seqlab.kernels.replay import CannotReplay, Replay
from seqlab.optim.fused import FusedStep
from seqlab.tasks import Batch
from seqlab.train.interventions import Metrics, is_watched, observe, probes_due, seen
from seqlab.train.step import advance, backward, optimiser_step, set_rates, shape_gradient
from seqlab.train.training import Training

__all__ = ["RecordedStep", "bits"]

COMPARED_EVERY = 500
"""Steps after which the gradient of a recorded one is computed by an ordinary one too."""
MOST_SHAPES = 32
"""Of batches, with their number of scored symbols, that are recorded; those of any other are ordinary steps."""


class RecordedStep:
    """Called, it takes a step and returns its `train/...`, which the next step overwrites.

    Each shape and number of scored symbols of a batch is recorded at its first. Ordinary steps are the first one, in
    which modules look up what they look up once, and those in which a probe looks. give_up: told, once, why every
    step is an ordinary one from now on, and whether that is alarming: a shape cannot be recorded, or (alarming) a
    recorded step no longer computes what an ordinary one does. The weights must stay where they are.
    """

    def __init__(self, t: Training, give_up: Callable[[str, bool], None]) -> None:
        self._t, self._give_up = t, give_up
        self._has_begun = self._has_ended = False
        self._compared = t.step
        self._recorded: dict[Hashable, _Recorded] = {}

    def __call__(self) -> Metrics:
        t = self._t
        if not self._has_begun or self._has_ended or probes_due(t, t.step + 1):
            self._has_begun = True
            return optimiser_step(t)
        with t.shares("data"):
            batch = t.next_batch()
        before = self._buffers() if t.step - self._compared >= COMPARED_EVERY else None
        with t.shares("passes"):
            recorded = self._passed(batch)
        if recorded is None or (before is not None and not self._is_still_the_same(recorded, batch, before)):
            return optimiser_step(t)
        observe(t, recorded.activations)
        with t.shares("optimiser"):
            rate = set_rates(t)
            recorded.update()
        advance(t, batch)
        return recorded.metrics | {"train/lr": rate}

    def _passed(self, batch: Batch) -> _Recorded | None:
        """What is recorded of batches like this one, with the gradient of this one; None where that cannot be."""
        shapes = tuple((name, tensor.shape, tensor.dtype) for name, tensor in batch.tensors.items())
        key = shapes, batch.scored, is_watched(self._t)
        if (known := self._recorded.get(key)) is not None:
            known.passes(batch)
            return known
        if len(self._recorded) == MOST_SHAPES:
            return None
        before = self._buffers()
        try:
            self._recorded[key] = _Recorded(self._t, batch)
        except CannotReplay as error:
            self._restore(before)
            self._end(str(error))
            return None
        return self._recorded[key]

    def _is_still_the_same(self, recorded: _Recorded, batch: Batch, before: list[Tensor]) -> bool:
        """Whether an ordinary step computes the same gradient of this batch, and leaves the same buffers."""
        t, since = self._t, self._compared
        self._compared, after = t.step, self._buffers()
        self._restore(before)
        backward(t, batch)
        seen(t)
        shape_gradient(t)
        gradients = {p: p.grad for p in t.weights.trainable.values() if p.grad is not None}
        t.optimiser.zero_grad(set_to_none=True)
        if list(gradients) == recorded.parameters and all(
            bits(one).equal(bits(other))
            for one, other in zip([*gradients.values(), *self._buffers()], [*recorded.gradients, *after], strict=True)
        ):
            return True
        self._restore(before)
        self._end(
            f"at step {t.step + 1:,} a recorded one no longer computes what an ordinary one does, so that those since "
            f"step {since + 1:,} may be others than one by one",
            is_alarming=True,
        )
        return False

    def _end(self, reason: str, *, is_alarming: bool = False) -> None:
        """Every step is an ordinary one from now on; nothing is left of one that was tried."""
        self._has_ended = True
        if self._t.watching is not None:
            self._t.watching.forget()
        self._t.optimiser.zero_grad(set_to_none=True)
        self._recorded.clear()
        self._give_up(reason, is_alarming)

    def _buffers(self) -> list[Tensor]:
        return [buffer.clone() for buffer in self._t.weights.worker.buffers()]

    def _restore(self, buffers: list[Tensor]) -> None:
        for buffer, value in zip(self._t.weights.worker.buffers(), buffers, strict=True):
            buffer.copy_(value)


class _Recorded:
    """The passes of one batch, which are taken now, and those of others after it; with the update by their gradient."""

    def __init__(self, t: Training, batch: Batch) -> None:
        self._t = t
        self._inputs = {name: tensor.clone() for name, tensor in batch.tensors.items()}
        here = replace(batch, tensors=self._inputs)
        self._replay = Replay(lambda: (backward(t, here), seen(t), shape_gradient(t)), with_gradients=True)
        passed, self.activations, shaped = self._replay.result
        self.metrics: Metrics = {**passed, **shaped}
        self.parameters = [p for p in t.weights.trainable.values() if p.grad is not None]
        self.gradients = [p.grad for p in self.parameters if p.grad is not None]
        self._steps: list[tuple[FusedStep, list[Tensor]]] | None = None
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
            self._step_of_torch()
            self._steps = self._fused()
        else:
            with torch.no_grad():
                for step, gradients in self._steps:
                    step(gradients)
        t.weights.publish()
        t.weights.update_average()

    def _step_of_torch(self) -> None:
        """In which a parameter that has had no gradient gets its state."""
        for parameter, gradient in zip(self.parameters, self.gradients, strict=True):
            parameter.grad = gradient
        self._t.optimiser.step()
        self._t.optimiser.zero_grad(set_to_none=True)

    def _fused(self) -> list[tuple[FusedStep, list[Tensor]]] | None:
        """The optimiser's step as one kernel a parameter group; None where it has none."""
        gradients = dict(zip(self.parameters, self.gradients, strict=True))
        steps = []
        for group in self._t.optimiser.param_groups:
            if not (found := [parameter for parameter in group["params"] if parameter in gradients]):
                continue
            step = self._t.experiment.optim.fused_step(group, found, self._t.optimiser.state)
            if step is None:
                return None
            steps.append((step, [gradients[parameter] for parameter in found]))
        return steps


def bits(tensor: Tensor) -> Tensor:
    """The bytes of a tensor, so that equality is of bits."""
    return tensor.flatten().view(torch.uint8)
