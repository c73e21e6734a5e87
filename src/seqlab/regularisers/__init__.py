"""Regularisers: penalties on parameters that are added to the loss, one a file.

A penalty goes through the optimiser (through Adam's normalisation, too), which weight decay that is decoupled does
not. The loss that is logged is the task's alone.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Literal

from torch import Tensor

from seqlab.spec import Field, Part, matching_paths

__all__ = ["Regulariser"]


class Regulariser(Part, kind="regularisers"):
    """A penalty on some of the parameters."""

    strength: float = Field(default=1e-4, ge=0)
    """Factor on the penalty; conventions (a half, a sum or a mean) are stated by the member."""
    where: tuple[str, ...] = Field(default=("*",), min_length=1)
    """Parameters that it acts on: paths, beginnings of paths, or patterns such as `layers.*.weight`."""
    except_where: tuple[str, ...] = ()
    """Parameters that `where` names and that it leaves alone."""

    def compares_with(self) -> Literal["nothing", "initial", "fresh"]:
        """What `penalty` gets as `reference`: nothing (an empty mapping), the weights of step 0, or a new draw of
        the initialisation at every step (from the stream of resets)."""
        return "nothing"

    @abstractmethod
    def penalty(self, parameters: Mapping[str, Tensor], reference: Mapping[str, Tensor]) -> Tensor:
        """A scalar >= 0 to add to the loss of one update, differentiable in the parameters.

        parameters: all trainable parameters by path, in float32 or wider. reference: tensors without gradient
        under the same paths, or empty; see `compares_with`. Neither is changed.
        """

    def chosen(self, parameters: Mapping[str, Tensor]) -> list[str]:
        """The paths that `where` and `except_where` select; SpecError for a pattern that matches nothing."""
        return matching_paths(parameters, self.where, self.except_where)
