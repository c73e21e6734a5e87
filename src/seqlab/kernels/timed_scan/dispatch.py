"""Which recurrence with a learned clock runs: in C++ on a CPU where it could be compiled; else torch's operations, in
pieces where there is a gradient."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from seqlab.kernels.members import of_many
from seqlab.kernels.shapes import fitting
from seqlab.kernels.taken import take
from seqlab.kernels.timed_scan.fast import PIECE, timed_scan_torch
from seqlab.kernels.timed_scan.native import NATIVE, timed_scan_native

__all__ = ["timed_scan"]


@fitting
def timed_scan(
    time: Float[Tensor, "b l d"],
    data: Float[Tensor, "b l d"],
    size: Float[Tensor, " d"],
    theta: Float[Tensor, " d"],
    initial: Float[Tensor, "b 2 d"] | None = None,
    starts: Bool[Tensor, "b l"] | None = None,
    bias: float = 0.0,
) -> tuple[Float[Tensor, "b l d"], Float[Tensor, "b 2 d"]]:
    """With t = sigmoid(time + bias) and z = size e^{i theta}: s_l = z^t s_{l-1} + t data, from s_{-1} = `initial` or
    zero, and from zero where a document starts (`starts`).

    Returns the real parts in data's dtype, and the last state as real and imaginary part in float32 or wider. What is
    kept for the gradient beside the arguments is the states at the borders of pieces. The gradient exists once.
    """
    wide = torch.promote_types(data.dtype, torch.float32)
    size, theta = size.to(wide), theta.to(wide)
    first = data.new_zeros(len(data), 2, data.shape[-1], dtype=wide) if initial is None else initial.to(wide)
    given = time, data, size, theta, first, starts, bias
    many = of_many(time, data, size, theta, initial)
    if time.dtype == data.dtype and not many and NATIVE.serves(data):
        take("timed_scan", "native")
        return timed_scan_native(*given)
    take("timed_scan", "torch")
    return timed_scan_torch(*given, piece=None if many or not torch.is_grad_enabled() else PIECE)
