"""Laws of attention's linears, where they are not that of the model's other linears."""

from __future__ import annotations

from torch import nn

from seqlab.nn.inits import Init, drawn_by
from seqlab.spec import Part

__all__ = ["AttentionLaws"]


class AttentionLaws(Part):
    """A law is told the shape of its own matrix: that of queries and keys together is (2 D, D), the fused one (3 D, D),
    so that glorot's differs between the two."""

    qkv: Init | None = None
    """Of queries, keys and values as one matrix; none: the model's law."""
    qk: Init | None = None
    """Of queries and keys as one matrix of their own; none: as `qkv`."""
    v: Init | None = None
    """Of values as a matrix of their own; none: as `qkv`."""
    out: Init | None = None
    """Of the linear behind the heads; none: the model's law."""

    def mark(self, project: nn.Linear, out: nn.Linear, queries_and_keys: int) -> None:
        """Have the rows of `project`, of which so many are of queries and keys, and `out` drawn by these laws."""
        drawn_by(self.qkv, project)
        drawn_by(self.qk, project, slice(queries_and_keys))
        drawn_by(self.v, project, slice(queries_and_keys, None))
        drawn_by(self.out, out)
