"""What anyone would write by hand around a model: the least that a training loop must do."""

from __future__ import annotations

import time
from typing import Any

import torch

from seqlab.train.training import Training, assemble

__all__ = ["BareLoop"]


class BareLoop:
    """Forward, loss, backward, clip, update, with nothing around it but the loss's value at the end of a block.

    A copy of the training's model and optimiser; in a narrow dtype weights and gradients go to and fro between it
    and float32 as in seqlab, for that is arithmetic. The batches are ready before the clock starts.
    """

    def __init__(self, like: Training, *, steps: int, compiled: bool = False) -> None:
        """steps: of a block. compiled: whether torch compiles the model."""
        t = assemble(like.experiment, like.task, like.device, like.dtype)
        self._weights, self._optimiser, self._task, self._clip = t.weights, t.optimiser, t.task, t.experiment.clip
        self._model: Any = torch.compile(t.weights.worker) if compiled else t.weights.worker
        spec = t.experiment
        self._batches = [t.task.batch(spec.seed, step, spec.batch.size).to(t.device) for step in range(steps)]

    def block(self) -> float:
        """Seconds a step."""
        start = time.perf_counter()
        for batch in self._batches:
            loss, _ = self._task.loss(self._model, batch)
            loss = loss / batch.scored
            loss.backward()
            self._weights.collect()
            if self._clip is not None:
                torch.nn.utils.clip_grad_norm_(self._weights.model.parameters(), self._clip, foreach=True)
            self._optimiser.step()
            self._weights.publish()
            self._optimiser.zero_grad(set_to_none=True)
        loss.item()
        return (time.perf_counter() - start) / len(self._batches)
