"""The kernel of a diagonal state space model as a filter (S4D, arXiv 2206.11893)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from seqlab.filters import Filter, RecurrentFilter
from seqlab.nn import diagonal
from seqlab.nn.diagonal import Discretisation, Recurrence, Spectrum
from seqlab.nn.remembered import Remembered
from seqlab.spec import Field, SpecError

__all__ = ["S4DFilter", "S4DKernel"]


class S4DKernel(Filter):
    """K_l = 2 Re sum_n C_n Bbar_n Abar_n^l with A = -exp(a) + i b, one model of N/2 conjugate pairs each channel.

    At the start a = ln 1/2, b by `spectrum`, B = 1, C complex normal of variance 1 and log dt uniform between
    ln dt_min and ln dt_max; all are trained. The conventions are those of HazyResearch/safari.
    """

    states: int = Field(default=64, ge=2)
    """N, the states of a channel, an even number: one of each conjugate pair is kept."""
    discretisation: Discretisation = "zoh"
    """How Abar and Bbar follow from A, B and dt: zero-order hold, or the bilinear transform."""
    spectrum: Spectrum = "inv"
    """The frequencies b at the start: pi n (lin), (N / pi) (N / (2n + 1) - 1) (inv), or HiPPO-LegS's (legs)."""
    dt_min: float = Field(default=1e-3, gt=0)
    """The smallest time step at the start; a position is a time of dt."""
    dt_max: float = Field(default=0.1, gt=0)
    """The largest time step at the start."""
    lr: float = Field(default=1e-3, gt=0)
    """Learning rate of dt, A, B and C."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Weight decay of dt, A, B and C."""

    def check(self) -> None:
        if self.states % 2:
            raise SpecError(f"filters/s4d.states must be even (conjugate pairs), got {self.states}.")
        if self.dt_min > self.dt_max:
            raise SpecError(f"filters/s4d.dt_min must not exceed dt_max, got {self.dt_min} and {self.dt_max}.")

    def build(self, *, channels: int, length: int) -> S4DFilter:
        return S4DFilter(self, channels, length)


class S4DFilter(RecurrentFilter):
    """The memory is the model's state: (..., channels, N/2, 2), real and imaginary parts."""

    def __init__(self, spec: S4DKernel, channels: int, length: int) -> None:
        super().__init__()
        self.spec, self.length = spec, length
        pairs = spec.states // 2
        self.log_dt = nn.Parameter(torch.empty(channels))
        self.log_A_real = nn.Parameter(torch.empty(channels, pairs))
        self.A_imag = nn.Parameter(torch.empty(channels, pairs))
        self.B = nn.Parameter(torch.empty(channels, pairs, 2))
        self.C = nn.Parameter(torch.empty(channels, pairs, 2))
        self._decay_and_weight = Remembered(self, self._one_step)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.uniform_(self.log_dt, math.log(self.spec.dt_min), math.log(self.spec.dt_max))
        nn.init.constant_(self.log_A_real, math.log(0.5))
        nn.init.normal_(self.C, std=math.sqrt(0.5))
        with torch.no_grad():
            self.A_imag.copy_(diagonal.frequencies(self.spec.spectrum, self.A_imag.shape[1]))
            self.B.copy_(torch.tensor([1.0, 0.0]))

    def param_groups(self) -> list[dict[str, Any]]:
        return [{"params": list(self.parameters()), "lr": self.spec.lr, "weight_decay": self.spec.weight_decay}]

    def forward(self, length: int) -> Tensor:
        self.check_length(length)
        return self.taps(length)

    def taps(self, length: int) -> Tensor:
        return diagonal.kernel(self._recurrence(), length, self._wide())

    def kept(self) -> Tensor:
        return self._recurrence().log_decay.real.exp()

    def _recurrence(self) -> Recurrence:
        A = torch.complex(-self.log_A_real.double().exp(), self.A_imag.double())
        BC = torch.view_as_complex(self.B.double()) * torch.view_as_complex(self.C.double())
        return diagonal.discretise(A, BC, self.log_dt.double().exp(), self.spec.discretisation)

    def _one_step(self) -> tuple[Tensor, Tensor]:
        recurrence, dtype = self._recurrence(), self._wide().to_complex()
        return recurrence.log_decay.exp().to(dtype), recurrence.weight.to(dtype)

    def _wide(self) -> torch.dtype:
        return torch.promote_types(self.C.dtype, torch.float32)

    def init_memory(self, *axes: int) -> Tensor:
        return self.C.new_zeros(*axes, *self.C.shape, dtype=self._wide())

    def memory_after(self, u: Tensor, last: Tensor, seen: Tensor) -> Tensor:
        return diagonal.state_after(self._recurrence(), u, last, seen)

    def step(self, u_t: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        return diagonal.step(*self._decay_and_weight(), u_t, memory)
