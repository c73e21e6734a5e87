"""One optimiser step by torch's fused kernel alone, without the bookkeeping around it.

For small models that bookkeeping takes longer than the arithmetic. The numbers are the same, bit for bit, and so is
the state: torch's optimiser makes it in its own first step, and a fused step goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

__all__ = ["FusedStep", "State", "adam", "sgd"]

FusedStep = Callable[[list[Tensor]], None]
"""Takes the gradients of some parameters of one group, in their order, and changes parameters and state in place."""
State = Mapping[Tensor, Mapping[str, Any]]
"""What a torch optimiser remembers of each parameter."""


def adam(kernel: Callable[..., None], group: Mapping[str, Any], parameters: list[Tensor], state: State) -> FusedStep:
    """A step of Adam or AdamW, whose kernel is given; settings are read from the group at every step."""
    means, squares, steps = (
        [state[parameter][key] for parameter in parameters] for key in ("exp_avg", "exp_avg_sq", "step")
    )

    def step(gradients: list[Tensor]) -> None:
        torch._foreach_add_(steps, 1)
        beta1, beta2 = group["betas"]
        kernel(
            parameters, gradients, means, squares, [], steps, amsgrad=False, maximize=False,
            lr=group["lr"], beta1=beta1, beta2=beta2, weight_decay=group["weight_decay"], eps=group["eps"],
        )  # fmt: skip

    return step


def sgd(group: Mapping[str, Any], parameters: list[Tensor], state: State) -> FusedStep:
    """A step of SGD, with momentum or without; settings are read from the group at every step."""
    sums = [state[parameter]["momentum_buffer"] for parameter in parameters] if group["momentum"] else []

    def step(gradients: list[Tensor]) -> None:
        torch._fused_sgd_(
            parameters, gradients, sums, lr=group["lr"], weight_decay=group["weight_decay"],
            momentum=group["momentum"], nesterov=group["nesterov"], dampening=0.0, maximize=False, is_first_step=False,
        )  # fmt: skip

    return step
