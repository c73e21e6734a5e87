"""Muon: momentum orthogonalised by Newton-Schulz for hidden matrices, AdamW for the rest."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor
from torch.optim.adamw import adamw

from seqlab.optim.newton_schulz import compute_dtype, orthogonalise
from seqlab.optim.optimisers import Beta, Group, Optimiser, can_fuse
from seqlab.spec import Field

__all__ = ["Muon", "MuonWithAdamW"]


class Muon(Optimiser):
    """Muon (K. Jordan et al. 2024, kellerjordan.github.io/posts/muon) for the weights (out, in) of linears between
    hidden features:

    u <- momentum * u + (1 - momentum) g; w <- (1 - lr * weight_decay) w - lr * scale * orthogonalise(u).
    Heads (modules marked `is_head = True`), all other parameters and those claimed with a rate of their own get AdamW.
    """

    lr: float = Field(default=0.02, gt=0)
    """Learning rate of the hidden matrices at the schedule's peak; 0.02 suits `match="spectral"`, an AdamW rate
    suits `match="adamw"`."""
    adamw_lr: float = Field(default=3e-4, gt=0)
    """Learning rate of all other parameters at the schedule's peak."""
    weight_decay: float = Field(default=0.01, ge=0)
    """Decoupled weight decay of both parts; each step takes away (that part's lr) * weight_decay of the weight."""
    match: Literal["spectral", "adamw"] = "spectral"
    """The scale of an update. `spectral`: sqrt(max(1, out / in)), so that it changes outputs alike at every shape
    (Jordan); `adamw`: 0.2 sqrt(max(out, in)), the usual root mean square of AdamW's updates (arXiv 2502.16982)."""
    momentum: Beta = 0.95
    """Decay per step of the mean gradient u."""
    nesterov: bool = True
    """Orthogonalise momentum * u + (1 - momentum) g in place of u."""
    newton_schulz_steps: int = Field(default=5, ge=1, le=20)
    """Iterations of Newton-Schulz; the coefficients are those of `seqlab.optim.newton_schulz`."""
    newton_schulz_dtype: Literal["auto", "bfloat16", "float32"] = "auto"
    """The dtype of the iterations. `auto`: bfloat16 where the device multiplies it fast, else float32; weights in
    float64 stay in it."""
    betas: tuple[Beta, Beta] = (0.9, 0.95)
    """AdamW's decays per step of the mean gradient and of the mean squared gradient."""
    eps: float = Field(default=1e-10, gt=0)
    """AdamW's constant beside the root of the mean squared gradient."""

    def settings(self, hidden: bool) -> dict[str, Any]:
        return {"lr": self.lr if hidden else self.adamw_lr, "orthogonalise": hidden}

    def build(self, groups: list[Group]) -> torch.optim.Optimizer:
        return MuonWithAdamW(groups, self)


class MuonWithAdamW(torch.optim.Optimizer):
    """One optimiser for both kinds of groups; a group's key `orthogonalise` tells them apart."""

    def __init__(self, groups: list[Group], spec: Muon) -> None:
        # `fused` lies in the groups because torch's load_state_dict looks there for the dtype and device of `step`.
        super().__init__(groups, {"lr": spec.lr, "weight_decay": spec.weight_decay, "fused": can_fuse(groups)})
        self.spec = spec

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update of every parameter that has a gradient; `closure` as for torch's optimisers."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            if parameters:
                (self._muon if group["orthogonalise"] else self._adamw)(group, parameters)
        return loss

    def _muon(self, group: Group, parameters: list[Tensor]) -> None:
        spec, lr = self.spec, group["lr"]
        gradients = _gradients(parameters)
        means = [self._state(parameter, "momentum_buffer") for parameter in parameters]
        torch._foreach_lerp_(means, gradients, 1 - spec.momentum)
        updates = torch._foreach_lerp(gradients, means, spec.momentum) if spec.nesterov else means
        dtype = compute_dtype(spec.newton_schulz_dtype, parameters[0].dtype, parameters[0].device)
        updates = orthogonalise(updates, spec.newton_schulz_steps, dtype)
        torch._foreach_mul_(updates, [-lr * _scale(spec.match, *parameter.shape) for parameter in parameters])
        torch._foreach_mul_(parameters, 1 - lr * group["weight_decay"])
        torch._foreach_add_(parameters, updates)

    def _adamw(self, group: Group, parameters: list[Tensor]) -> None:
        for parameter in parameters:
            self.state[parameter].setdefault("step", torch.zeros((), dtype=torch.float32, device=parameter.device))
        adamw(
            parameters,
            _gradients(parameters),
            [self._state(parameter, "exp_avg") for parameter in parameters],
            [self._state(parameter, "exp_avg_sq") for parameter in parameters],
            [],
            [self.state[parameter]["step"] for parameter in parameters],
            fused=group["fused"],
            amsgrad=False,
            beta1=self.spec.betas[0],
            beta2=self.spec.betas[1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=self.spec.eps,
            maximize=False,
        )

    def _state(self, parameter: Tensor, key: str) -> Tensor:
        state = self.state[parameter]
        if key not in state:
            state[key] = torch.zeros_like(parameter)
        tensor: Tensor = state[key]
        return tensor


def _gradients(parameters: list[Tensor]) -> list[Tensor]:
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def _scale(match: Literal["spectral", "adamw"], rows: int, columns: int) -> float:
    """The factor on the update of a matrix (out = rows, in = columns)."""
    return math.sqrt(max(1, rows / columns)) if match == "spectral" else 0.2 * math.sqrt(max(rows, columns))
