"""Memory and disk: what the backward pass keeps, and how much disk is free here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from seqlab.kernels.attention.dispatch import SHORT
from seqlab.kernels.attention.native import NATIVE
from seqlab.models import BlockModule
from seqlab.tasks import PreparedTask

__all__ = ["activation_bytes", "free_disk"]


def activation_bytes(model: nn.Module, task: PreparedTask, rows: int, dtype: torch.dtype, recomputed: bool) -> int:
    """Bytes that the backward pass of `rows` rows keeps: what one row takes, and each further one (filters are shared).

    Recomputing keeps the activations of one block, and the stream between blocks, which each block's count includes.
    """
    model.to(dtype).train()
    one, two = (_saved_bytes(model, task, count) for count in (1, 2))
    whole = one + (rows - 1) * (two - one)
    blocks = sum(isinstance(module, BlockModule) for module in model.modules()) if recomputed else 0
    return 2 * whole // blocks if blocks > 1 else whole


def _saved_bytes(model: nn.Module, task: PreparedTask, rows: int) -> int:
    """Bytes of the tensors that autograd keeps of the loss of a batch, parameters left out."""
    parameters = {p.untyped_storage()._cdata for p in model.parameters()}
    held: dict[int, Tensor] = {}  # by storage; held, so that no address is used twice

    def keep(tensor: Tensor) -> Tensor:
        held.setdefault(tensor.untyped_storage()._cdata, tensor)
        return tensor

    batch = task.batch(0, 0, rows).to(next(model.parameters()).device)
    with FusedAttention(), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss, _ = task.loss(model, batch)
    del loss
    return sum(tensor.untyped_storage().nbytes() for place, tensor in held.items() if place not in parameters)


class FusedAttention(TorchFunctionMode):
    """Lets attention on the meta device keep what the fused kernels keep: there torch would write out every score."""

    def __torch_function__(
        self, function: Any, types: Any, arguments: tuple[Any, ...] = (), options: dict[str, Any] | None = None
    ) -> Any:
        options = options or {}
        if function is not F.scaled_dot_product_attention or not arguments[0].is_meta:
            return function(*arguments, **options)
        written = arguments[1].shape[-2] <= SHORT or options.get("dropout_p", 0.0) > 0
        return _KeptByAttention.apply(*arguments, options.get("attn_mask"), written and not NATIVE.usable())


class _KeptByAttention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, stored: bool) -> Tensor:
        y = q.new_empty(q.shape)
        # Of the softmax: all weights where they are written out, else one sum for each query.
        weights = q.new_empty(*q.shape[:-1], k.shape[-2] if stored else 1)
        ctx.save_for_backward(q, k, v, mask, y, weights)
        return y


def free_disk(folder: Path) -> int:
    while not folder.exists():
        folder = folder.parent
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize
