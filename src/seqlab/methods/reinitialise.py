"""A new start for the hidden units between tasks: the baseline that any method of resets must beat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from seqlab.methods.shared.resetter import Resetter, State, Turn
from seqlab.nn.units import Units
from seqlab.spec import Field

__all__ = ["Reinitialise"]


class Reinitialise(Resetter):
    """Draws units anew after each task: all of them, or a share at random; incoming, bias and outgoing weights alike.

    With all units it re-initialises the MLPs of a transformer, but for the bias of what reads them.
    """

    off: ClassVar[Mapping[str, Any]] = {"share": 0.0}
    renews_all: ClassVar[bool] = True
    draws_outgoing: ClassVar[bool] = True

    every_steps: int | None = Field(default=None, ge=1)
    """Act after every so many updates. Either this or `every_tasks` is given."""
    every_tasks: int | None = Field(default=1, ge=1)
    """Act after the last update of every so many tasks; None where `every_steps` is given."""
    share: float = Field(default=1.0, ge=0, le=1)
    """Share of each layer's units that is drawn anew, rounded."""

    def watches(self, due: bool = True) -> bool:
        return False

    def start(self, like: Tensor) -> State:
        return {}

    def seen(self, state: State, before: Tensor, units: Units) -> State:
        return state

    def choose(self, state: State, turn: Turn) -> tuple[Tensor, State]:
        like = state["resets"]
        order = torch.rand(len(like), generator=turn.generator, device=like.device).argsort().argsort()
        return order < round(self.share * len(like)), state
