"""Methods that act on the weights during training (resets, shrink-and-perturb), one a file.

A method is a pure function: it changes nothing that it is given and returns what changed, so the same form runs on
one model and on many that are packed together. The training loop applies the change in place.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from seqlab.nn.units import Units
from seqlab.spec import Field, Part, SpecError, label, matching_paths

__all__ = ["Change", "Draws", "Method", "Moments", "Units"]

Moments = Mapping[str, Mapping[str, Tensor]]
"""An optimiser's state by parameter path and then by torch's key: `exp_avg`, `momentum_buffer`, `step`, ..."""


@dataclass(frozen=True)
class Draws:
    """The randomness of one act: all of it comes from here, so the same draws give the same change."""

    generator: torch.Generator
    """At the place in the method's stream that belongs to this step, on the device of the weights."""
    fresh: Callable[[], Mapping[str, Tensor]]
    """Draws a whole new initialisation of the model: tensors by parameter path. Called only when needed."""
    one: Callable[[str], Tensor] | None = None
    """Draws one parameter by the law of its initialisation, which is cheaper; none: it is taken from a whole one."""

    def anew(self, path: str) -> Tensor:
        """One parameter as a new initialisation has it."""
        return self.one(path) if self.one is not None else self.fresh()[path]

    def uniform(self) -> float:
        """A number from 0 to 1, to decide whether something happens at this act."""
        return float(torch.rand((), generator=self.generator, device=self.generator.device))


@dataclass(frozen=True)
class Change:
    """What one act changed; whatever is not named stays as it is."""

    weights: dict[str, Tensor] = field(default_factory=dict)
    """New values by parameter path."""
    moments: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    """New values in the optimiser's state."""
    statistics: dict[str, Tensor] = field(default_factory=dict)
    """All the statistics after the act."""
    report: dict[str, Tensor] = field(default_factory=dict)
    """Scalars. Always `changed`, how many elements of weights changed, and `change_norm`, the L2 norm of the change;
    of a method of hidden units `largest_share`, the share of a layer that was reset at once, and `largest_share/LAYER`,
    that of one; other names are counts."""


class Method(Part, kind="methods"):
    """Something done to the weights after some of the updates."""

    off: ClassVar[Mapping[str, Any]] = {}
    """Settings with which it does nothing at all, so that a run with them equals a run without it, bit for bit."""
    of_units: ClassVar[bool] = False
    """Whether it acts on hidden units, so that a model without any is a mistake."""
    renews_all: ClassVar[bool] = False
    """Whether it is meant to redraw a large share of the weights, which otherwise is taken for an accident."""

    every_steps: int | None = Field(default=None, ge=1)
    """Act after every so many updates. Either this or `every_tasks` is given."""
    every_tasks: int | None = Field(default=None, ge=1)
    """Act between tasks, after the last update of every so many; never after the last task of all."""
    where: tuple[str, ...] = Field(default=("*",), min_length=1)
    """Parameters that it acts on: paths, beginnings of paths, or patterns such as `layers.*.weight`."""
    except_where: tuple[str, ...] = ()
    """Parameters that `where` names and that it leaves alone."""

    def check(self) -> None:
        if (self.every_steps is None) == (self.every_tasks is None):
            raise SpecError(f"{label(type(self))} needs either `every_steps` or `every_tasks`; set the other to none.")

    def due(self, updates: int, tasks: int | None) -> bool:
        """Whether to act now. updates: done so far, >= 1; tasks: finished so far if this update ended one, or None."""
        if self.every_steps is not None:
            return updates % self.every_steps == 0
        assert self.every_tasks is not None
        return tasks is not None and tasks % self.every_tasks == 0

    def begin(self, weights: Mapping[str, Tensor], units: Mapping[str, Units]) -> dict[str, Tensor]:
        """The statistics at the start of a run: a flat dict of tensors that the checkpoint keeps."""
        return {}

    def layers(self, units: Mapping[str, Units]) -> dict[str, Units]:
        """The layers of units that it acts on, of all that the model has; none for a method of whole weights."""
        return {}

    def watches(self, due: bool = True) -> bool:
        """Whether `observe` wants the activations of a training step. due: whether it acts after that step."""
        return False

    def observe(
        self, statistics: Mapping[str, Tensor], activations: Mapping[str, Tensor], units: Mapping[str, Units]
    ) -> dict[str, Tensor]:
        """The statistics after a training step's forward pass, which came before its update.

        activations: of the layers that it acts on, before the activation function: (B, ..., P H), without gradient.
        """
        return dict(statistics)

    @abstractmethod
    def change(
        self,
        weights: Mapping[str, Tensor],
        moments: Moments,
        statistics: Mapping[str, Tensor],
        draws: Draws,
        units: Mapping[str, Units],
    ) -> Change:
        """What acting now changes. weights: all trainable parameters by path, after the update, without gradient;
        moments: without the parameters that were never updated; units: by the path of the layer."""

    def expected(self, steps_a_task: int | None, sizes: Mapping[str, int]) -> list[str]:
        """What its settings come to, in sentences: effective thresholds, settings that are the same ones. sizes: the
        units of each layer that it acts on."""
        return []

    def effective(self, sizes: Mapping[str, int]) -> dict[str, Any]:
        """Settings that stand for others that do the same: by name what they come to. Two of a kind that are alike in
        these and in all other settings are equivalent. sizes: the units of each layer that it acts on."""
        return {}

    @property
    def is_off(self) -> bool:
        """Whether it does nothing at all."""
        return bool(self.off) and all(getattr(self, name) == value for name, value in self.off.items())

    def chosen(self, weights: Mapping[str, Tensor]) -> list[str]:
        """The paths that `where` and `except_where` select; SpecError for a pattern that matches nothing."""
        return matching_paths(weights, self.where, self.except_where)
