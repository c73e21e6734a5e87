"""Sequence mixers: what mixes along the sequence, one a file, all under the contract written here."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from seqlab.spec import Part

__all__ = ["Mixer", "SequenceMixer", "State"]

State = dict[str, Tensor]
"""A mixer's memory: a flat dict of tensors, batch first, with `position` (B,) int64, the symbols seen by each row.

Rows can be selected, concatenated, saved and served together. `step` may work in place and returns the state.
"""


class Mixer(Part, kind="mixers"):
    """A sequence mixer's spec."""

    @abstractmethod
    def build(self, *, dim: int, length: int) -> SequenceMixer:
        """A module for D = dim features and inputs of up to `length` positions (what a longer input does, the
        mixer's docstring states)."""


class SequenceMixer(nn.Module):
    """The module of a sequence mixer.

    x and y are (B, L, D); `lengths` (B,) gives the true lengths of right-padded rows, and padding never changes a
    real position. Parameters are real, so `.double()` means double. Accumulators are float32 or the input's dtype,
    whichever is wider; the output has the input's dtype.
    """

    causal: bool
    max_length: int | None
    """The longest input; None where there is no limit. A longer input raises ValueError in one sentence."""
    reach: int | None = None
    """How many positions one output sees at most, its own included, where the mixer limits that by design."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(B, L, D) -> (B, L, D)."""
        raise self._missing("forward")

    def prefill(self, x: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """`forward`, and the state after each row's last real position."""
        raise self._missing("prefill")

    def init_state(self, batch: int) -> State:
        """The state before the first position, in the dtype and on the device of the parameters."""
        raise self._missing("init_state")

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        """One position: (B, D) and the state -> (B, D) and the new state."""
        raise self._missing("step")

    def state_bytes(self, batch: int, length: int) -> int:
        """The bytes of the state after `length` positions."""
        raise self._missing("state_bytes")

    def flops(self, length: int) -> float:
        """Floating-point operations of one row's forward pass of that length; a multiply-add counts as 2."""
        raise self._missing("flops")

    def param_groups(self) -> list[dict[str, Any]]:
        """Parameters with settings of their own: dicts of `params` and `lr` and/or `weight_decay`."""
        return []

    def reset_parameters(self) -> None:
        """Draw the parameters anew by the law that the spec states (torch's global generator)."""
        raise self._missing("reset_parameters")

    def _missing(self, method: str) -> NotImplementedError:
        return NotImplementedError(f"{type(self).__name__} has no `{method}`, which every mixer must have.")

    def check_length(self, x: Tensor) -> None:
        """Raise ValueError when the input is longer than `max_length`."""
        if self.max_length is not None and x.shape[1] > self.max_length:
            name = type(self).__name__
            raise ValueError(
                f"{name} was built for {self.max_length} positions and was given {x.shape[1]}; "
                "build it with a larger length, or feed it in pieces with prefill and step."
            )


def fresh_position(batch: int, device: torch.device) -> Tensor:
    """The `position` entry of a new state: (B,) zeros."""
    return torch.zeros(batch, dtype=torch.int64, device=device)
