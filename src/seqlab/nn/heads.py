"""Queries, keys and values of attention: one fused projection, their norms, their positions."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from seqlab.kernels.rotary import rotary
from seqlab.nn.linear import Linear
from seqlab.nn.norms import Norm
from seqlab.nn.norms.rmsnorm import RMSNorm
from seqlab.spec import SpecError

__all__ = ["Heads", "Position", "alibi_slopes"]

Position = Literal["none", "rotary", "alibi"]


class Heads(nn.Module):
    """(B, L, inputs) -> q (B, L, H, E), k and v (B, L, G, E), with E = D / H; views of one projection.

    norm: of q and of k, over E, before the rotation; true is an RMS norm with a weight (arXiv 2302.05442).
    inputs: the features that are projected; none: D. Raises SpecError where the heads do not divide the features or
    the groups the heads, and for a norm over the batch.
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        kv_heads: int | None,
        position: Position,
        base: float,
        norm: Norm | bool,
        bias: bool,
        *,
        inputs: int | None = None,
    ) -> None:
        super().__init__()
        groups = heads if kv_heads is None else kv_heads
        if dim % heads:
            raise SpecError(f"{heads} heads do not divide {dim} features; choose a divisor of {dim}.")
        if heads % groups:
            raise SpecError(f"{groups} kv_heads do not divide {heads} heads; choose a divisor of {heads}.")
        if position == "rotary" and dim // heads % 2:
            raise SpecError(f"rotary positions need heads of even width; {heads} heads of {dim} features are not.")
        self.heads, self.groups, self.width = heads, groups, dim // heads
        self.rotary_base = base if position == "rotary" else None
        self.project = Linear(inputs or dim, (heads + 2 * groups) * self.width, bias=bias)
        chosen = RMSNorm() if norm is True else norm
        self.q_norm = chosen.build(dim=self.width) if chosen else None
        self.k_norm = chosen.build(dim=self.width) if chosen else None
        if hasattr(self.q_norm, "gathers"):
            raise SpecError("q and k are normed over each head and not over the batch; choose layernorm or rmsnorm.")

    @property
    def queries_and_keys(self) -> int:
        """The first rows of `project`, which are of queries and keys; the others are of values."""
        return (self.heads + self.groups) * self.width

    def reset_parameters(self) -> None:
        self.project.reset_parameters()
        for normed in (self.q_norm, self.k_norm):
            if normed is not None:
                normed.reset_parameters()  # type: ignore[operator]

    def forward(self, x: Tensor, position: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """position: (1 or B, L), where each input stands in its row."""
        qkv = self.project(x).unflatten(-1, (-1, self.width))
        both, v = qkv.split([self.heads + self.groups, self.groups], dim=2)
        if self.q_norm is not None and self.k_norm is not None:
            both = self._normed(both, self.q_norm, self.k_norm)
        if self.rotary_base is not None:
            both = rotary(both, position, self.rotary_base)
        q, k = both.split([self.heads, self.groups], dim=2)
        return q, k, v

    def _normed(self, both: Tensor, q_norm: nn.Module, k_norm: nn.Module) -> Tensor:
        if next(q_norm.parameters(), None) is None:  # the same norm of both
            normed: Tensor = q_norm(both)
            return normed
        q, k = both.split([self.heads, self.groups], dim=2)
        return torch.cat([q_norm(q), k_norm(k)], dim=2)


def alibi_slopes(heads: int, span: float, like: Tensor) -> Tensor:
    """(H,) slopes of ALiBi, on the device of `like`, in float32 or wider: 2^(-span i / H), i = 1..H, where H is a
    power of two; else those of the power of two below, then every second one of the power above. The paper (arXiv
    2108.12409) has span 8; a smaller one keeps every head nearer to its position."""
    below = 1 << (heads.bit_length() - 1)
    slopes = [2 ** (-span * i / below) for i in range(1, below + 1)]
    slopes += [2 ** (-span * i / (2 * below)) for i in range(1, 2 * below + 1, 2)]
    wide = torch.promote_types(like.dtype, torch.float32)
    return torch.tensor(slopes[:heads], dtype=wide, device=like.device)
