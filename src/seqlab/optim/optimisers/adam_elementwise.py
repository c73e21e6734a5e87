"""Adam that counts the steps of each element: one that was reset begins anew (AdamGnT of Dohare et al.)."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from seqlab.optim.optimisers import Beta, Group, Optimiser
from seqlab.spec import Field

__all__ = ["AdamElementwise", "ElementwiseAdam"]


class AdamElementwise(Optimiser):
    """w <- w - lr * m / (sqrt(v) + eps), with bias corrections of m and v by the steps of each element since its reset.

    Without resets the steps are those of Adam. A method that zeroes an element's moments zeroes its count with them, so
    that its first update is of the size lr, where Adam's would be 3.2 lr.
    """

    elementwise: ClassVar[bool] = True

    weight_decay: float = Field(default=0.0, ge=0)
    """L2, not decoupled: weight_decay * w is added to the gradient and goes through m and v. Without the factor 2."""
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    """Decay per step of the mean gradient m and of the mean squared gradient v."""
    eps: float = Field(default=1e-8, gt=0)
    """Added to sqrt(v)."""

    def build(self, groups: list[Group]) -> torch.optim.Optimizer:
        return ElementwiseAdam(groups, self)


class ElementwiseAdam(torch.optim.Optimizer):
    """State of each parameter: `exp_avg`, `exp_avg_sq` and `step`, all of its shape."""

    def __init__(self, groups: list[Group], spec: AdamElementwise) -> None:
        super().__init__(groups, {"lr": spec.lr, "weight_decay": spec.weight_decay})
        self.spec = spec

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update of every parameter that has a gradient; `closure` as for torch's optimisers."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad + group["weight_decay"] * parameter, group["lr"])
        return loss

    def _update(self, parameter: Tensor, gradient: Tensor, lr: float) -> None:
        state = self.state[parameter]
        for key in ("exp_avg", "exp_avg_sq", "step"):
            if key not in state:
                state[key] = torch.zeros_like(parameter)
        first, second = self.spec.betas
        state["step"] += 1
        state["exp_avg"].lerp_(gradient, 1 - first)
        state["exp_avg_sq"].mul_(second).addcmul_(gradient, gradient, value=1 - second)
        mean = state["exp_avg"] / (1 - first ** state["step"])
        square = state["exp_avg_sq"] / (1 - second ** state["step"])
        parameter.addcdiv_(mean, square.sqrt_().add_(self.spec.eps), value=-lr)
