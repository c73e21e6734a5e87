"""Methods that watch hidden units and reset some of them: what is common to all, so that a member only chooses.

An observation is of the forward pass that made the gradient, the choice and the reset follow the update: activations of
the old weights, and the new weights. That is the order of CL-transformers.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from seqlab.methods import Change, Draws, Method, Moments, Units
from seqlab.methods.shared.changes import changed, unchanged
from seqlab.methods.shared.reset import reset_moments, reset_weights
from seqlab.nn.by_layer import named, of_layer
from seqlab.spec import Field, SpecError, label, matching_paths

__all__ = ["Resetter", "State", "Turn", "check_updates", "is_due", "kappa", "lifetimes"]

State = dict[str, Tensor]
"""What a method remembers of one layer: tensors (H,), or scalars."""


@dataclass(frozen=True)
class Turn:
    """One act upon one layer."""

    number: int
    """Of this act; the first is 1."""
    chance: float
    """A uniform draw from 0 to 1, the same for all layers."""
    generator: torch.Generator
    """For a draw of the layer's own."""
    weights: Mapping[str, Tensor]
    """After the update, by path."""
    units: Units
    """The layer."""


class Resetter(Method):
    """Resets units: their incoming weights are drawn anew, their biases and outgoing weights become 0.

    `where` chooses layers by the path of the weight that makes the units (`blocks.0.channel.up.weight`).
    """

    of_units: ClassVar[bool] = True
    draws_outgoing: ClassVar[bool] = False
    """Whether outgoing weights are drawn anew, too, in place of 0."""

    every_steps: int | None = Field(default=1, ge=1)
    """Act after every so many updates. Either this or `every_tasks` is given."""
    moments: Literal["zero", "keep"] = "zero"
    """The optimiser's moments of the elements that were reset."""
    optimiser_step: Literal["keep", "zero"] = "keep"
    """The optimiser's count of steps where it is one for a whole tensor. `keep` (CL-transformers, Dopamine): moments
    of 0 then make the first update about 3.2 lr in Adam; `zero`: for the whole tensor (timoklein/redo). The count of
    optim/optimisers/adam_elementwise is one for each element, and is zeroed with the moments (Dohare)."""
    norms: Literal["keep", "initial"] = "keep"
    """Entries of a norm between the units and their activation: as they are, or 1 and 0."""

    def layers(self, units: Mapping[str, Units]) -> dict[str, Units]:
        paths = set(matching_paths([layer.incoming for layer in units.values()], self.where, self.except_where))
        return {name: layer for name, layer in units.items() if layer.incoming in paths}

    @abstractmethod
    def start(self, like: Tensor) -> State:
        """What is remembered of a layer before anything was seen. like: (H,), in the dtype and on the device of the
        weights."""

    @abstractmethod
    def seen(self, state: State, before: Tensor, units: Units) -> State:
        """What is remembered after a forward pass. before: (B, ..., P H), the layer's pre-activations."""

    @abstractmethod
    def choose(self, state: State, turn: Turn) -> tuple[Tensor, State]:
        """The units to reset now, (H,) bool, and what is remembered after that."""

    def begin(self, weights: Mapping[str, Tensor], units: Mapping[str, Units]) -> dict[str, Tensor]:
        some = next(iter(weights.values()))
        statistics = {"acts": torch.zeros((), dtype=torch.int64, device=some.device)}
        for name, layer in self.layers(units).items():
            like = weights[layer.incoming].new_empty(layer.width(weights))
            state = self.start(like) | {"resets": torch.zeros_like(like, dtype=torch.int64)}
            statistics |= named(name, state)
        return statistics

    def watches(self, due: bool = True) -> bool:
        return True

    def observe(
        self, statistics: Mapping[str, Tensor], activations: Mapping[str, Tensor], units: Mapping[str, Units]
    ) -> dict[str, Tensor]:
        after = dict(statistics)
        for name, layer in self.layers(units).items():
            after |= named(name, self.seen(of_layer(statistics, name), activations[name], layer))
        return after

    def change(
        self,
        weights: Mapping[str, Tensor],
        moments: Moments,
        statistics: Mapping[str, Tensor],
        draws: Draws,
        units: Mapping[str, Units],
    ) -> Change:
        layers = self.layers(units)
        number, chance = int(statistics["acts"]) + 1, draws.uniform()
        after = dict(statistics) | {"acts": statistics["acts"] + 1}
        chosen = {}
        for name, layer in layers.items():
            turn = Turn(number, chance, draws.generator, weights, layer)
            state = of_layer(statistics, name)
            chosen[name], state = self.choose(state, turn)
            after |= named(name, state | {"resets": state["resets"] + chosen[name]})
        new, states = self._reset(weights, moments, draws, layers, chosen)
        what = changed(weights, new) if new else unchanged(weights)
        counted = {f"units/{name}": mask.sum() for name, mask in chosen.items()}
        total = torch.stack(list(counted.values())).sum()
        shares = {f"largest_share/{name}": mask.float().mean() for name, mask in chosen.items()}
        largest = torch.stack(list(shares.values())).max()
        acts = torch.ones_like(statistics["acts"])
        report = {**what, "acts": acts, "units": total, "largest_share": largest, **counted, **shares}
        return Change(new, states, after, report)

    def _reset(
        self,
        weights: Mapping[str, Tensor],
        moments: Moments,
        draws: Draws,
        layers: Mapping[str, Units],
        chosen: Mapping[str, Tensor],
    ) -> tuple[dict[str, Tensor], dict[str, dict[str, Tensor]]]:
        """New weights and moments, of the layers with a chosen unit; layers may follow one another."""
        new: dict[str, Tensor] = {}
        states: dict[str, dict[str, Tensor]] = {}
        acting = [name for name, mask in chosen.items() if mask.any()]
        norms, step, forgets = self.norms == "initial", self.optimiser_step == "zero", self.moments == "zero"
        for name in acting:
            layer, mask = layers[name], chosen[name]
            drawn = [layer.incoming, *([layer.outgoing] if self.draws_outgoing else [])]
            fresh = {path: draws.anew(path) for path in drawn}
            new |= reset_weights({**weights, **new}, layer, mask, fresh, norms=norms, outgoing=self.draws_outgoing)
            if forgets:
                known = {
                    path: {**moments[path], **states.get(path, {})} for path in layer.parameters() if path in moments
                }
                for path, state in reset_moments(weights, known, layer, mask, norms=norms, step=step).items():
                    states.setdefault(path, {}).update(state)
        return new, states


def is_due(number: int, every: int | None, probability: float | None, chance: float) -> bool:
    """Whether something happens at an act: at every so many of them, or with a probability at each."""
    return number % every == 0 if every is not None else chance < (probability or 0.0)


def check_updates(method: Method, every: int | None, probability: float | None) -> None:
    """Raise SpecError unless exactly one of the two says when a method updates its thresholds."""
    if (every is None) == (probability is None):
        raise SpecError(
            f"{label(type(method))} needs either `update_every_steps` or `update_probability`; leave one out."
        )


def kappa(tail_prob: float) -> float:
    """-ln(tail_prob): so many mean intervals pass with that probability, if intervals are exponential."""
    return -float(torch.tensor(tail_prob, dtype=torch.float64).log())


def lifetimes(rate: float, maturity: int, steps_a_task: int | None, sizes: Mapping[str, int]) -> list[str]:
    """How often units are replaced at a rate of mature units, in sentences."""
    if rate == 0:
        return ["replacement_rate=0: no unit is ever reset"]
    of_task = f", {(maturity + 1 / rate) / steps_a_task:.3g} tasks" if steps_a_task else ""
    return [
        f"at most {rate * size:.3g} units at each step in a layer of {size}" for size in sorted(set(sizes.values()))
    ] + [
        f"a unit lives {maturity} steps and then about 1 / replacement_rate = {1 / rate:.3g} more{of_task} in the mean"
    ]
