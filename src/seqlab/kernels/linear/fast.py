"""The linear map through oneDNN, which writes its products for the processor that it finds.

torch takes MKL for float32, and MKL leaves half of the vectors of an AMD processor with AVX-512 unused: there oneDNN
is 1.4 to 2.4 times as fast from a few million products on (one core of a Zen 5: 100 against 140 to 240 GFLOP/s).
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.linear.native import transposed
from seqlab.kernels.shapes import fitting

__all__ = ["linear_onednn"]


@fitting
def linear_onednn(
    x: Float[Tensor, "*bl d"], weight: Float[Tensor, "e d"], bias: Float[Tensor, " e"] | None = None
) -> Float[Tensor, "*bl e"]:
    """The reference's function, for float32 on a CPU."""
    return _product(x.flatten(0, -2), weight, bias).view(*x.shape[:-1], len(weight))


def _product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    y: Tensor = _Linear.apply(x, weight, bias)
    return y


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        y: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
        return y

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor | None], output: Tensor) -> None:
        x, weight, bias = inputs
        ctx.save_for_backward(x, weight)
        ctx.has_bias = bias is not None

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        return (
            _product(grad, weight.T) if ctx.needs_input_grad[0] else None,
            _weight_gradient(grad, x) if ctx.needs_input_grad[1] else None,
            grad.sum(0) if ctx.has_bias else None,
        )


def _weight_gradient(grad: Tensor, x: Tensor) -> Tensor:
    """grad^T x. oneDNN loses about a quarter of its rate where its first operand lies in columns, as both do here: the
    narrower one is laid out in rows beforehand."""
    if grad.shape[1] <= x.shape[1]:
        return _product(transposed(grad), x.T)
    return transposed(_product(transposed(x), grad.T))
