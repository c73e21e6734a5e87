"""Which scalar LSTM runs: Triton's on a GPU, the C++ loop on a CPU where it could be compiled, else torch's, which also
serves a single step."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

from seqlab.kernels.gpu import triton_serves
from seqlab.kernels.shapes import fitting
from seqlab.kernels.slstm.fast import slstm_loop
from seqlab.kernels.slstm.native import NATIVE, slstm_native
from seqlab.kernels.slstm.through_time import Memory
from seqlab.kernels.taken import take

__all__ = ["slstm"]


@fitting
def slstm(
    x: Float[Tensor, "b l h 4 d"],
    recurrence: Float[Tensor, "h 4 d d"],
    initial: Memory | None = None,
    starts: Bool[Tensor, "b l"] | None = None,
) -> tuple[Float[Tensor, "b l h d"], Float[Tensor, "b h d"], Float[Tensor, "b h d"], Float[Tensor, "b h d"]]:
    """The output y of every position in x's dtype, and the last c, n and m in float32 or wider (arXiv 2405.04517).

    x holds the pre-activations i, f, z and o, to which `recurrence` (heads, gate, out, in) adds the head's previous y.
    From zeros, or from `initial` (y, c, n, m), and from zeros again wherever `starts` is true. The gradient exists
    once, for every argument and result.
    """
    if triton_serves(x):
        from seqlab.kernels.slstm.triton import slstm_triton

        take("slstm", "triton")
        return slstm_triton(x, recurrence, initial, starts)
    if x.shape[1] > 1 and NATIVE.serves(x):  # for a single step the weights would be laid out anew
        take("slstm", "native")
        return slstm_native(x, recurrence, initial, starts)
    take("slstm", "loop")
    return slstm_loop(x, recurrence, initial, starts)
