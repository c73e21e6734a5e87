"""Methods that act on the weights during training (resets, shrink-and-perturb), one a file.

A method is a pure function: it changes nothing that it is given and returns what changed, so the same form runs on
one model and on many that are packed together. The training loop applies the change in place.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from seqlab.spec import Field, Part, SpecError, label, matching_paths

__all__ = ["Change", "Draws", "Method", "Moments", "Units"]

Moments = Mapping[str, Mapping[str, Tensor]]
"""An optimiser's state by parameter path and then by torch's key: `exp_avg`, `momentum_buffer`, `step`, ..."""


@dataclass(frozen=True)
class Units:
    """A layer of hidden units, by the paths of the parameters that make them and that read them."""

    incoming: str
    """Weight (H, in): row i makes unit i."""
    bias: str | None
    """Bias (H,), where there is one."""
    outgoing: str
    """Weight (out, H): column i reads unit i."""


@dataclass(frozen=True)
class Draws:
    """The randomness of one act: all of it comes from here, so the same draws give the same change."""

    generator: torch.Generator
    """At the place in the method's stream that belongs to this step, on the device of the weights."""
    fresh: Callable[[], Mapping[str, Tensor]]
    """Draws a whole new initialisation of the model: tensors by parameter path. Called only when needed."""


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
    """Scalars. Always `changed`, how many elements of weights changed, and `change_norm`, the L2 norm of the change."""


class Method(Part, kind="methods"):
    """Something done to the weights after some of the updates."""

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
            raise SpecError(f"{label(type(self))} needs either `every_steps` or `every_tasks`; set the other to None.")

    def due(self, updates: int, tasks: int | None) -> bool:
        """Whether to act now. updates: done so far, >= 1; tasks: finished so far if this update ended one, or None."""
        if self.every_steps is not None:
            return updates % self.every_steps == 0
        assert self.every_tasks is not None
        return tasks is not None and tasks % self.every_tasks == 0

    def begin(self, weights: Mapping[str, Tensor], units: Mapping[str, Units]) -> dict[str, Tensor]:
        """The statistics at the start of a run: a flat dict of tensors that the checkpoint keeps."""
        return {}

    def watches(self) -> bool:
        """Whether `observe` wants the activations of every training step."""
        return False

    def observe(self, statistics: Mapping[str, Tensor], activations: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The statistics after a training step's forward pass, which came before its update.

        activations: of every layer in `units`, before the activation function: (..., H), without gradient.
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

    def chosen(self, weights: Mapping[str, Tensor]) -> list[str]:
        """The paths that `where` and `except_where` select; SpecError for a pattern that matches nothing."""
        return matching_paths(weights, self.where, self.except_where)
