"""The recurrence on a GPU: a program walks one row for a block of features, forward and back."""

from __future__ import annotations

import triton
import triton.language as tl
from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.scan.one_pass import scan_in_one_pass

__all__ = ["scan_triton"]

BLOCK = 32
"""Features of a program: few, so that even one row keeps many processors busy."""


def scan_triton(
    u: Float[Tensor, "b l p d"], decay: Float[Tensor, "*bl q d"], initial: Float[Tensor, "b q d"] | None = None
) -> Float[Tensor, "b l q d"]:
    """The reference's function, in float32 or float64."""
    return scan_in_one_pass(u, decay, initial, _run)


def _run(function: str, *tensors: Tensor, like: Tensor) -> None:
    batch, length, input_parts, features = like.shape
    decay = tensors[1]
    kernel = {"forward": _forward, "backward": _backward}[function]
    kernel[batch, triton.cdiv(features, BLOCK)](
        *tensors, length, features, input_parts, decay.shape[-2], decay.ndim == 2, BLOCK, num_warps=1
    )


@triton.jit
def _forward(
    u,
    z,
    initial,
    states,
    length,
    features,
    IN: tl.constexpr,
    PARTS: tl.constexpr,
    CONSTANT: tl.constexpr,
    BLOCK: tl.constexpr,
):
    row, d = tl.program_id(0).to(tl.int64), tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = d < features
    start = initial + row * PARTS * features + d
    real = tl.load(start, inside)
    imaginary = tl.load(start + features, inside) if PARTS == 2 else real
    for l in range(length):  # noqa: E741
        position = row * length + l
        input = u + position * IN * features + d
        decay = z + (0 if CONSTANT else position * PARTS * features) + d
        state = states + position * PARTS * features + d
        z_real, u_real = tl.load(decay, inside), tl.load(input, inside)
        if PARTS == 1:
            real = z_real * real + u_real
        else:
            z_imaginary = tl.load(decay + features, inside)
            turned = z_real * imaginary + z_imaginary * real
            real = z_real * real - z_imaginary * imaginary + u_real
            imaginary = turned + tl.load(input + features, inside) if IN == 2 else turned
            tl.store(state + features, imaginary, inside)
        tl.store(state, real, inside)


@triton.jit
def _backward(
    grad,
    z,
    initial,
    states,
    grad_u,
    grad_z,
    carried,
    length,
    features,
    IN: tl.constexpr,
    PARTS: tl.constexpr,
    CONSTANT: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """scan.cpp has the same walk in plain words."""
    row, d = tl.program_id(0).to(tl.int64), tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = d < features
    whole = row * PARTS * features + d
    first_real = tl.load(initial + whole, inside)
    first_imaginary = tl.load(initial + whole + features, inside) if PARTS == 2 else first_real
    real = tl.load(carried + whole, inside)
    imaginary = real
    summed_real = tl.load(grad_z + whole, inside) if CONSTANT else real
    summed_imaginary = summed_real
    for back in range(length):
        position = row * length + length - 1 - back
        at = position * PARTS * features + d
        inner = back < length - 1
        before = states + at - PARTS * features
        decay = z + (d if CONSTANT else at)
        to_u = grad_u + position * IN * features + d
        z_real = tl.load(decay, inside)
        before_real = tl.where(inner, tl.load(before, inside & inner), first_real)
        real += tl.load(grad + at, inside)
        tl.store(to_u, real, inside)
        if PARTS == 1:
            share = real * before_real
            real = z_real * real
        else:
            z_imaginary = tl.load(decay + features, inside)
            before_imaginary = tl.where(inner, tl.load(before + features, inside & inner), first_imaginary)
            imaginary += tl.load(grad + at + features, inside)
            if IN == 2:
                tl.store(to_u + features, imaginary, inside)
            share = real * before_real + imaginary * before_imaginary
            share_imaginary = imaginary * before_real - real * before_imaginary
            if CONSTANT:
                summed_imaginary += share_imaginary
            else:
                tl.store(grad_z + at + features, share_imaginary, inside)
            turned = z_real * imaginary - z_imaginary * real
            real = z_real * real + z_imaginary * imaginary
            imaginary = turned
        if CONSTANT:
            summed_real += share
        else:
            tl.store(grad_z + at, share, inside)
    if CONSTANT:
        tl.store(grad_z + whole, summed_real, inside)
    tl.store(carried + whole, real, inside)
    if PARTS == 2:
        tl.store(carried + whole + features, imaginary, inside)
        if CONSTANT:
            tl.store(grad_z + whole + features, summed_imaginary, inside)
