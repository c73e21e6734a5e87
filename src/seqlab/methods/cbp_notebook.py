"""Continual backpropagation as ajozefiak/CL-transformers has it, with its own utility and its own counting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from seqlab.methods.shared.reset import by_incoming, by_outgoing
from seqlab.methods.shared.resetter import Resetter, State, Turn, lifetimes
from seqlab.nn.activity import Activity
from seqlab.nn.units import Units
from seqlab.spec import Field

__all__ = ["CBPNotebook"]


class CBPNotebook(Resetter):
    """Resets the mature units of least utility, `replacement_rate` H of them at each step.

    Utility of a step: |f - activation| . sum |outgoing| / sum |incoming|, where activation is the batch's mean and f
    its running mean before the batch, corrected for its start. Units are ranked by the running mean of utility before
    the step, over 1 - decay^age of this step. Where rate H is above 1, round(rate H) units are reset; else one, with
    probability rate H; in both cases with all others of equal utility. methods/cbp is the published algorithm.
    """

    off: ClassVar[Mapping[str, Any]] = {"replacement_rate": 0.0}

    replacement_rate: float = Field(default=1e-2, ge=0, le=1)
    """Share of a layer's units, all of them, that is reset at each step; the published algorithm counts mature ones."""
    decay: float = Field(default=0.99, ge=0, lt=1)
    """Share of both running means that a step keeps."""
    maturity_steps: int = Field(default=100, ge=0)
    """Steps after its last reset from which a unit may be reset."""

    def expected(self, steps_a_task: int | None, sizes: Mapping[str, int]) -> list[str]:
        return lifetimes(self.replacement_rate, self.maturity_steps, steps_a_task, sizes)

    def effective(self, sizes: Mapping[str, int]) -> dict[str, Any]:
        wanted = [self.replacement_rate * size for size in sizes.values()]
        return {"replacement_rate": [round(count) if count > 1 else count for count in wanted]}

    def start(self, like: Tensor) -> State:
        zeros = torch.zeros_like(like)
        return {"age": zeros, "mean": zeros, "utility": zeros, "deviation": zeros, "corrected": zeros}

    def seen(self, state: State, before: Tensor, units: Units) -> State:
        mean, age = state["mean"], state["age"] + 1
        active = Activity(before, units).mean()
        deviation = (mean / (1 - self.decay**age) - active).abs()
        return state | {
            "age": age,
            "mean": self.decay * mean + (1 - self.decay) * active,
            "deviation": deviation,
        }

    def choose(self, state: State, turn: Turn) -> tuple[Tensor, State]:
        made, read = (f(turn.weights, turn.units).abs().sum(1) for f in (by_incoming, by_outgoing))
        age, utility = state["age"], state["utility"]
        corrected = utility / (1 - self.decay**age)
        utility = self.decay * utility + (1 - self.decay) * state["deviation"] * read / made
        reset = self._least(corrected, age >= self.maturity_steps, turn.chance)
        after = {"age": age, "mean": state["mean"], "utility": utility}
        return reset, state | {key: value.masked_fill(reset, 0) for key, value in after.items()} | {
            "corrected": corrected
        }

    def _least(self, utility: Tensor, mature: Tensor, chance: float) -> Tensor:
        """(H,) bool: the mature units of least utility; the others rank last."""
        wanted = self.replacement_rate * len(utility)
        if wanted <= 1 and chance >= wanted:
            return torch.zeros_like(mature)
        ranked = torch.where(mature, utility, utility.max())
        return mature & (ranked <= ranked.kthvalue(max(round(wanted), 1)).values)
