"""What the forms of H3 share: a linear that gives queries, keys and values, and two convolutions with skips."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from seqlab.filters import LongFilter
from seqlab.mixers import SequenceMixer
from seqlab.nn.gate import Gate

__all__ = ["ThreeProjections"]


class ThreeProjections(SequenceMixer):
    """y = W read(q, values' convolution of (keys' convolution of k) v), with q, k and v from `project`; W is `out`.

    What the products are and how they are convolved is the form's own. The skips are drawn by N(0, 1).
    """

    causal = True
    resets = True
    project: nn.Linear
    out: nn.Linear
    key_skip: nn.Parameter
    skip: nn.Parameter

    @abstractmethod
    def _filters(self) -> tuple[LongFilter, LongFilter]:
        """The kernels of the keys, and those of the products."""

    @abstractmethod
    def _keys(self, k: Tensor, starts: Tensor | None) -> Tensor:
        """The keys' convolution of k (B, L, D)."""

    @abstractmethod
    def _mix(self, x: Tensor, lengths: Tensor | None, starts: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """y, and the inputs of the two convolutions."""

    def reset_parameters(self) -> None:
        for part in (self.project, *self._filters(), self.out):
            part.reset_parameters()
        self._reset_skips()

    def _reset_skips(self) -> None:
        nn.init.normal_(self.key_skip)
        nn.init.normal_(self.skip)

    def param_groups(self) -> list[dict[str, Any]]:
        return [group for part in self._filters() for group in part.param_groups()]

    def forward(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> Tensor:
        self.check(x, lengths, starts)
        return self._mix(x, lengths, starts)[0]

    def gating(self, x: Tensor) -> dict[str, Gate]:
        """What multiplies the values, and what is read out by."""
        q, k, _ = self._project(x)
        return {"keys": Gate(self._keys(k, None)), "queries": Gate(q)}

    def _project(self, x: Tensor) -> tuple[Tensor, ...]:
        """q, k and v, in float32 or wider."""
        projected: Tensor = self.project(x)
        return projected.to(torch.promote_types(x.dtype, torch.float32)).chunk(3, dim=-1)
