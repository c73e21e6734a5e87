"""Which scan runs: Triton's on a GPU, the C++ one on a CPU where it could be compiled, else the one in chunks."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.gpu import triton_serves
from seqlab.kernels.scan.fast import scan_chunks
from seqlab.kernels.scan.native import NATIVE, scan_native
from seqlab.kernels.shapes import fitting
from seqlab.kernels.taken import take

__all__ = ["scan"]


@fitting
def scan(
    u: Float[Tensor, "b l p d"], decay: Float[Tensor, "*bl q d"], initial: Float[Tensor, "b q d"] | None = None
) -> Float[Tensor, "b l q d"]:
    """All states of s_l = z_l s_{l-1} + u_l for l = 0 .. l-1, from s_{-1} = `initial` (none: zero).

    p and q are 1 for real numbers, 2 for a real and an imaginary part; p <= q. The decays z are given for every
    position (b, l, q, d) or once (q, d). |z| <= 1 is stable, zero forgets exactly. The dtype is one, float32 or
    float64; the gradient exists once. Raises ValueError for other dtypes and for shapes that do not fit.
    """
    _check(u, decay, initial)
    if triton_serves(u):
        from seqlab.kernels.scan.triton import scan_triton

        take("scan", "triton")
        return scan_triton(u, decay, initial)
    if NATIVE.serves(u):
        take("scan", "native")
        return scan_native(u, decay, initial)
    take("scan", "chunks")
    return scan_chunks(u, decay, initial)


def _check(u: Tensor, decay: Tensor, initial: Tensor | None) -> None:
    """What the shapes in the signature do not say."""
    dtypes = {tensor.dtype for tensor in (u, decay, initial) if tensor is not None}
    if dtypes not in ({torch.float32}, {torch.float64}):
        told = ", ".join(sorted(str(dtype).removeprefix("torch.") for dtype in dtypes))
        raise ValueError(f"a scan is all float32 or all float64, got {told}.")
    if not u.shape[2] <= decay.shape[-2] <= 2 or decay.shape[:-2] not in ((), u.shape[:2]):
        told = f"{tuple(u.shape)} and {tuple(decay.shape)}"
        raise ValueError(f"a scan takes (b, l, p, d) and decays (b, l, q, d) or (q, d) with p <= q <= 2, got {told}.")
