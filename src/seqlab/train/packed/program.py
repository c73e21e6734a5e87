"""One forward and backward pass of many members as one program: traced once, then run without Python's layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.fx.experimental.proxy_tensor import make_fx

from seqlab.tasks import Batch, PreparedTask
from seqlab.train.packed.dropout import OwnDropout, rewind_streams
from seqlab.train.packed.tidy import tidy

__all__ = ["Passes", "Program"]

Named = dict[str, Tensor]
Passes = tuple[Tensor, Named, list[Tensor | None]]
"""Losses (N,), metrics (N,) by name, and the gradient of each trainable stack, none where no loss depends on it."""


_Traced = tuple[list[str], Callable[..., Any]]
"""The names of the metrics, and the program: losses, metrics and gradients of factors, weights and batch."""


class Program:
    """The loss of a task over N members with their gradients, whose weights are stacks (N, ...).

    model: any member's, in the dtypes of its computation; its own weights are not read. Each shape of a batch is traced
    at its first use. What a loss does must follow from model and batch alone, as `PreparedTask.loss` is bound to.
    """

    def __init__(self, task: PreparedTask, model: nn.Module, trained: list[str]) -> None:
        self._loss = _Loss(task, model)
        self._dtypes = {name: parameter.dtype for name, parameter in model.named_parameters()}
        self._trained = trained
        self._traced: dict[Any, _Traced] = {}

    def __call__(self, weights: Named, batch: Batch, factors: Tensor) -> Passes:
        """batch: tensors (N, B, ...); factors (N,): by which each loss is multiplied for its gradient."""
        key = tuple((name, tensor.shape, tensor.dtype) for name, tensor in batch.tensors.items())
        if key not in self._traced:
            self._traced[key] = self._trace(weights, batch, factors)
            rewind_streams()  # a program is traced by running it
        metrics, passes = self._traced[key]
        with torch.no_grad():
            losses, *values = passes(factors, *weights.values(), *batch.tensors.values())
        return losses, dict(zip(metrics, values, strict=False)), values[len(metrics) :]

    def _trace(self, weights: Named, batch: Batch, factors: Tensor) -> _Traced:
        metrics: list[str] = []

        def passes(factors: Tensor, *tensors: Tensor) -> tuple[Tensor | None, ...]:
            stacks = dict(zip(weights, tensors, strict=False))
            inputs = dict(zip(batch.tensors, tensors[len(weights) :], strict=True))
            with OwnDropout():
                losses, others = vmap(self._of_one(batch), randomness="error")(stacks, inputs)
            metrics[:] = others
            trained = [stacks[name] for name in self._trained]
            gradients = torch.autograd.grad(losses, trained, factors.to(losses.dtype), allow_unused=True)
            return losses.detach(), *others.values(), *(g if g is None else g.contiguous() for g in gradients)

        leaves = [weight.detach().requires_grad_(name in self._trained) for name, weight in weights.items()]
        traced = tidy(make_fx(passes)(factors, *leaves, *batch.tensors.values()))
        return metrics, traced.forward

    def _of_one(self, batch: Batch) -> Callable[[Named, Named], tuple[Tensor, Named]]:
        def loss(weights: Named, tensors: Named) -> tuple[Tensor, Named]:
            narrow = {f"model.{name}": weight.to(self._dtypes[name]) for name, weight in weights.items()}
            value, metrics = functional_call(self._loss, narrow, (replace(batch, tensors=tensors),))
            return value, {name: metric.detach() for name, metric in metrics.items()}

        return loss


class _Loss(nn.Module):
    """A task's loss as a module, so that the whole of it can be called with other weights."""

    def __init__(self, task: PreparedTask, model: nn.Module) -> None:
        super().__init__()
        self.task, self.model = task, model

    def forward(self, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        return self.task.loss(self.model, batch)
