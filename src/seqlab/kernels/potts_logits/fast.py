"""The same without couplings: a site's logits need only the sum of the others' factors."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqlab.kernels.potts_logits.reference import Form

__all__ = ["potts_logits_sums"]


def potts_logits_sums(
    left: Float[Tensor, "b h l e"],
    right: Float[Tensor, "b h l e"],
    fields: Float[Tensor, "b l e"],
    letters: Int[Tensor, "b s l"],
    form: Form = "all",
) -> Float[Tensor, "b s l e"]:
    """logits_i(a) = h_i(a) + sum_h left_h(i, a) r_h, where r_h sums right_h(j, x_j) over the others: O(L) in time and
    memory, (B, L, S, H) the largest tensor."""
    b, rows, length = letters.shape
    heads = left.shape[1]
    by_site = right.permute(0, 2, 3, 1)  # (b, l, e, h)
    index = letters.transpose(1, 2)[..., None].expand(-1, -1, -1, heads)
    chosen = by_site.gather(2, index)  # (b, l, s, h)
    sums = (chosen.sum(1, keepdim=True) if form == "all" else chosen.cumsum(1)) - chosen
    if form == "before_scaled":
        places = torch.arange(length, device=left.device).clamp(min=1).to(left.dtype)
        sums = sums / places[:, None, None]
    site_fields = fields[:, :, None].expand(b, length, rows, -1).flatten(0, 1)
    logits = torch.baddbmm(site_fields, sums.flatten(0, 1), left.permute(0, 2, 1, 3).flatten(0, 1))
    by_sequence: Tensor = logits.unflatten(0, (b, length)).transpose(1, 2)
    return by_sequence
