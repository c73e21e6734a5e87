"""Continual backpropagation (Dohare et al., Nature 2024): generate and test, as shibhansh/loss-of-plasticity has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from seqlab.methods.shared.reset import by_incoming, by_outgoing
from seqlab.methods.shared.resetter import Resetter, State, Turn, lifetimes
from seqlab.nn.activity import Activity
from seqlab.nn.units import Units
from seqlab.spec import Field

__all__ = ["CBP"]


class CBP(Resetter):
    """Resets the mature units of least utility, `replacement_rate` of the mature ones at each step.

    The running mean of utility is taken with the weights after the update, corrected for its start, and ranked.
    The authors' correction of the next layer's bias for what a unit contributed does nothing in their code (its mean is
    zeroed first), and is left out.
    """

    off: ClassVar[Mapping[str, Any]] = {"replacement_rate": 0.0}

    replacement_rate: float = Field(default=1e-4, ge=0, le=1)
    """Share of a layer's mature units that is reset at each step."""
    utility: Literal["contribution", "adaptable_contribution"] = "adaptable_contribution"
    """contribution: mean |activation| . mean |outgoing|; adaptable_contribution: mean |activation - its running mean| .
    mean |outgoing| / mean |incoming|."""
    decay: float = Field(default=0.99, ge=0, lt=1)
    """Share of the running means that a step keeps."""
    maturity_steps: int = Field(default=100, ge=0)
    """A unit may be reset when more steps than these have passed since its last reset."""
    counting: Literal["accumulated", "probabilistic"] = "accumulated"
    """What becomes of the fraction of a unit that a step is to reset: it is kept for the next step; or, where that is
    less than one unit, it is the probability of one, and is dropped otherwise, as in the authors' code."""

    def expected(self, steps_a_task: int | None, sizes: Mapping[str, int]) -> list[str]:
        return lifetimes(self.replacement_rate, self.maturity_steps, steps_a_task, sizes)

    def start(self, like: Tensor) -> State:
        zeros = torch.zeros_like(like)
        state = {"age": zeros, "mean": zeros, "utility": zeros, "activity": zeros, "corrected": zeros}
        return state | {"owed": zeros.new_zeros((), dtype=torch.float64)}

    def seen(self, state: State, before: Tensor, units: Units) -> State:
        active, age = Activity(before, units), state["age"] + 1
        mean = self.decay * state["mean"] + (1 - self.decay) * active.mean()
        is_adaptable = self.utility == "adaptable_contribution"
        activity = active.deviation(mean / (1 - self.decay**age)) if is_adaptable else active.magnitude()
        return state | {"age": age, "mean": mean, "activity": activity}

    def choose(self, state: State, turn: Turn) -> tuple[Tensor, State]:
        made, read = (f(turn.weights, turn.units).abs().mean(1) for f in (by_incoming, by_outgoing))
        of_step = state["activity"] * read
        if self.utility == "adaptable_contribution":
            of_step = of_step / made
        utility = self.decay * state["utility"] + (1 - self.decay) * of_step
        corrected = utility / (1 - self.decay ** state["age"])
        mature = state["age"] > self.maturity_steps
        count, owed = self._count(state["owed"] + self.replacement_rate * mature.sum(), turn)
        ranks = torch.where(mature, corrected, torch.inf).argsort().argsort()
        reset = mature & (ranks < count)
        after = {"age": state["age"], "mean": state["mean"], "utility": utility}
        emptied = {key: value.masked_fill(reset, 0) for key, value in after.items()}
        return reset, state | emptied | {"corrected": corrected, "owed": owed}

    def _count(self, wanted: Tensor, turn: Turn) -> tuple[Tensor, Tensor]:
        """How many units to reset now, and the fraction that is kept for later."""
        whole, rest = wanted.floor(), wanted - wanted.floor()
        if self.counting == "accumulated":
            return whole, rest
        one = torch.rand((), generator=turn.generator, device=wanted.device, dtype=wanted.dtype) < rest
        return torch.where(whole > 0, whole, one), torch.zeros_like(rest)
