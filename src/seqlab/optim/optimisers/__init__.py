"""Optimisers, one a file, all under the contract written here."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, ClassVar, Literal

import torch
from torch import Tensor

from seqlab.optim.fused import FusedStep, State
from seqlab.spec import Field, Part

__all__ = ["Beta", "Group", "Optimiser", "can_fuse"]

Beta = Annotated[float, Field(ge=0, lt=1)]
"""The share of a running mean that one step keeps."""

Group = dict[str, Any]
"""A parameter group as torch wants it, made by `seqlab.optim.groups.parameter_groups`.

`params` and, in the same order, `names` (parameter paths); `weight_decay`; `initial_lr`, the rate that a schedule
scales; `lr`, the rate in force, which the training loop sets before every step; and what `settings` adds.
"""


class Optimiser(Part, kind="optim/optimisers"):
    """How gradients change the parameters."""

    lr: float = Field(default=1e-3, gt=0)
    """Learning rate at the schedule's peak, of every parameter that no module claims with a rate of its own."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Weight decay of the parameters that `decay` names; whether it is decoupled, the member says."""
    decay: Literal["all", "matrices"] = "matrices"
    """Which parameters decay: `matrices` those with two axes or more, embeddings and head included (nanoGPT);
    `all` also biases, norms and other vectors (safari). A module's own claim goes before."""

    elementwise: ClassVar[bool] = False
    """Whether the update of each element depends on that element's gradients alone, so that a parameter may be shared
    out among processes."""

    def settings(self, hidden: bool) -> dict[str, Any]:
        """The settings of an ordinary parameter's group other than the decay: `lr`, and what `build` must know.

        hidden: the parameter is the weight of a linear between hidden features, not an embedding or a head.
        """
        return {"lr": self.lr}

    @abstractmethod
    def build(self, groups: list[Group]) -> torch.optim.Optimizer:
        """The optimiser of these groups. Resumed through state_dict it takes the very same steps, bit for bit."""

    def fused_step(self, group: Group, parameters: list[Tensor], state: State) -> FusedStep | None:
        """The step of these parameters of a group by one fused kernel; None where there is none.

        state: what the optimiser remembers of them after a step of its own."""
        return None


def can_fuse(groups: list[Group]) -> bool:
    """Whether torch has one fused kernel for a whole step: real parameters, all on the CPU or on a CUDA device."""
    parameters = [parameter for group in groups for parameter in group["params"]]
    return all(parameter.is_floating_point() and parameter.device.type in ("cpu", "cuda") for parameter in parameters)
