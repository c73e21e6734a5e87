"""The long convolution by the Fourier transform, with a gradient that uses the spectra of the forward pass again.

Autograd would save the padded inputs and transform complex arrays back; here six real transforms do everything.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.fft import irfft, rfft

from seqlab.kernels.once import once_differentiable

__all__ = ["fft_size", "long_convolution_fft"]


def fft_size(least: int) -> int:
    """The smallest even 2^a 3^b 5^c that is not below `least`: sizes whose transforms are fast."""
    best = 2
    while best < least:
        best *= 2
    five = 1
    while five < best:
        three = five
        while three < best:
            size = 2 * three
            while size < least:
                size *= 2
            best = min(best, size)
            three *= 3
        five *= 5
    return best


def long_convolution_fft(
    u: Float[Tensor, "b l d"],
    taps: Float[Tensor, "d k"],
    skip: Float[Tensor, " d"],
    taps_back: Float[Tensor, "d k"] | None = None,
) -> Float[Tensor, "b l d"]:
    """The reference's function in float32, or in float64 when an argument is float64; the result has u's dtype.

    The transform has so many points that no tap wraps round to another time.
    """
    wide = torch.promote_types(torch.promote_types(u.dtype, taps.dtype), torch.float32)
    length = u.shape[1]
    taps = taps[:, :length].to(wide)
    points = fft_size(length + taps.shape[1])
    if taps_back is not None:
        back = taps_back[:, :length].to(wide).flip(-1)  # lag -j lies at points - j
        taps = torch.cat([F.pad(taps, (0, points - 2 * taps.shape[1])), back], dim=-1)
    y: Tensor = _FFTConvolution.apply(u.to(wide).transpose(1, 2), taps, skip.to(wide), points)[0]
    return y.transpose(1, 2).to(u.dtype)


class _FFTConvolution(torch.autograd.Function):
    """Circular, the sequence last: u (b, d, l) and taps (d, up to `points`) -> (b, d, l)."""

    @staticmethod
    def forward(u: Tensor, taps: Tensor, skip: Tensor, points: int) -> tuple[Tensor, Tensor, Tensor]:
        u_spectrum, taps_spectrum = rfft(u, points), rfft(taps, points)
        y = irfft(u_spectrum * taps_spectrum, points)[..., : u.shape[-1]]
        return torch.addcmul(y, u, skip[:, None]), u_spectrum, taps_spectrum

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        u, taps, skip, ctx.points = inputs
        ctx.mark_non_differentiable(*output[1:])
        ctx.save_for_backward(u, skip, *output[1:])
        ctx.taps = taps.shape[-1]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor, None]:
        u, skip, u_spectrum, taps_spectrum = ctx.saved_tensors
        spectrum = rfft(grad, ctx.points)
        grad_u = irfft(spectrum * taps_spectrum.conj(), ctx.points)[..., : u.shape[-1]]
        grad_taps = irfft((spectrum * u_spectrum.conj()).sum(0), ctx.points)[:, : ctx.taps]
        return torch.addcmul(grad_u, grad, skip[:, None]), grad_taps, (grad * u).sum((0, 2)), None
