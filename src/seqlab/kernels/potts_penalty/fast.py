"""The same without couplings: products of factors, (H, H), summed over sites."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.potts_logits.reference import Form

__all__ = ["potts_penalty_sums"]

PIECE = 16
"""Sites whose products are laid out together."""


def potts_penalty_sums(
    left: Float[Tensor, "b h l e"], right: Float[Tensor, "b h l e"], form: Form = "all"
) -> Float[Tensor, " b"]:
    """|J|^2 = <sum_i left_i left_i', sum_j right_j right_j'> less the terms of i = j, which are |left_i' right_i|^2."""
    if form == "all":
        ours = _products(left, left)
        theirs = ours if right is left else _products(right, right)
        whole = ours.mul(theirs).sum((1, 2))
        own = torch.einsum("bhia,bhic->biac", left, right).square().sum((1, 2, 3))
        return whole - own
    return _of_those_before(left, right, form)


def _products(x: Tensor, y: Tensor) -> Tensor:
    """(B, H, L, E) twice -> (B, H, H)."""
    return x.flatten(2) @ y.flatten(2).transpose(1, 2)


def _of_those_before(left: Tensor, right: Tensor, form: Form) -> Tensor:
    """Piece by piece: the sum over earlier sites is handed on."""
    b, heads, length, _ = left.shape
    past = left.new_zeros(b, heads, heads)
    total = left.new_zeros(b)
    for begin in range(0, length, PIECE):
        end = min(begin + PIECE, length)
        ours = torch.einsum("bhia,bkia->bihk", left[:, :, begin:end], left[:, :, begin:end])
        theirs = torch.einsum("bhia,bkia->bihk", right[:, :, begin:end], right[:, :, begin:end])
        before = past[:, None] + theirs.cumsum(1) - theirs
        by_site = (ours * before).sum((2, 3))
        if form == "before_scaled":
            places = torch.arange(begin, end, device=left.device).clamp(min=1).to(left.dtype)
            by_site = by_site / places.square()
        total = total + by_site.sum(1)
        past = past + theirs.sum(1)
    return total
