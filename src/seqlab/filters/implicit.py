"""Hyena's implicit filter: a small network from the time of a tap to its value (arXiv 2302.10866, section 3.3)."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqlab.filters import Filter, LongFilter
from seqlab.nn.linear import Linear
from seqlab.spec import Field, SpecError

__all__ = ["Implicit", "ImplicitFilter"]


class Implicit(Filter):
    """h(t) = network(z(t)) . (exp(-t |delta|) + shift), with sines between the network's linears.

    z_l = [t_l, cos(f w_l), -sin(f w_l)], t_l = l / (length - 1), w_l = 2 pi l / length, f evenly from 1e-4 to
    bands - 1. Times and decays belong to the built length: fewer taps are the first taps of the same filter.
    Linears are drawn by torch's default, uniform within 1/sqrt(fan_in), biases too; every frequency starts at
    `frequency`. The conventions are those of HazyResearch/safari.
    """

    emb_dim: int = Field(default=33, ge=3)
    """Features of a position: the time and (emb_dim - 1) / 2 cosines and sines; odd."""
    width: int = Field(default=64, ge=1)
    """Hidden width of the network."""
    inner_layers: int = Field(default=2, ge=0)
    """Hidden linears between the first and the last."""
    frequency: float = 14.0
    """Start of the trainable frequency inside the sines, one per hidden feature, shared by all layers."""
    modulate: bool = True
    """Whether the taps decay: exp(-t |delta|), delta evenly from ln(0.01)/1.5 to ln(0.01)/0.3 over the channels."""
    shift: float = 0.0
    """Added to the decay, so that late taps do not vanish."""
    normalise: bool = False
    """Whether every tap is divided by its L1 norm over the channels, after the decay."""
    lr: float = Field(default=1e-3, gt=0)
    """Learning rate of the network."""
    positions_lr: float = Field(default=1e-5, ge=0)
    """Learning rate of the positions z; 0 keeps them fixed."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Weight decay of the network; the positions have none."""

    def check(self) -> None:
        if self.emb_dim % 2 == 0:
            raise SpecError(f"filters/implicit.emb_dim must be odd (a time, cosines and sines), got {self.emb_dim}.")

    def build(self, *, channels: int, length: int) -> ImplicitFilter:
        return ImplicitFilter(self, channels, length)


class ImplicitFilter(LongFilter):
    positions: Tensor
    time: Tensor
    decay: Tensor

    def __init__(self, spec: Implicit, channels: int, length: int) -> None:
        super().__init__()
        self.spec, self.length = spec, length
        widths = [spec.emb_dim] + [spec.width] * (spec.inner_layers + 1)
        self.hidden = nn.ModuleList(Linear(a, b) for a, b in pairwise(widths))
        self.last = Linear(spec.width, channels, bias=False)
        self.frequency = nn.Parameter(torch.empty(spec.width))
        positions = _positions(spec.emb_dim, length)
        if spec.positions_lr > 0:
            self.positions = nn.Parameter(positions)
        else:
            self.register_buffer("positions", positions, persistent=False)
        self.register_buffer("time", positions[:, 0].clone(), persistent=False)
        decay = torch.linspace(math.log(0.01) / 1.5, math.log(0.01) / 0.3, channels)
        self.register_buffer("decay", decay, persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        for linear in (*self.hidden, self.last):
            linear.reset_parameters()
        with torch.no_grad():
            self.frequency.fill_(self.spec.frequency)
            self.positions.copy_(_positions(self.spec.emb_dim, self.length))

    def forward(self, length: int) -> Tensor:
        self.check_length(length)
        x = self.positions[:length]
        for linear in self.hidden:
            x = torch.sin(self.frequency * linear(x))
        taps: Tensor = self.last(x)  # (length, channels): the layout in which long convolutions read them
        if self.spec.modulate:
            taps = taps * torch.outer(self.time[:length], -self.decay.abs()).exp_().add_(self.spec.shift)
        if self.spec.normalise:
            taps = F.normalize(taps, p=1, dim=1, eps=0)
        return taps.T.to(torch.promote_types(taps.dtype, torch.float32))

    def param_groups(self) -> list[dict[str, Any]]:
        network = [self.frequency, *self.hidden.parameters(), *self.last.parameters()]
        groups = [{"params": network, "lr": self.spec.lr, "weight_decay": self.spec.weight_decay}]
        if self.spec.positions_lr > 0:
            groups.append({"params": [self.positions], "lr": self.spec.positions_lr, "weight_decay": 0.0})
        return groups


def _positions(features: int, length: int) -> Tensor:
    """z: (length, features)."""
    bands = (features - 1) // 2
    tap = torch.arange(length, dtype=torch.float64)[:, None]
    angle = torch.linspace(1e-4, bands - 1, bands, dtype=torch.float64) * (2 * math.pi * tap / length)
    z = torch.cat([tap / max(length - 1, 1), angle.cos(), -angle.sin()], dim=1)
    return z.to(torch.get_default_dtype())
