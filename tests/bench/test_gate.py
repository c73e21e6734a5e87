"""The gate is green for what is shipped and red for what is wrong."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

import seqlab.kernels
from seqlab.bench import Options, gate
from seqlab.bench.shared.kernels import cases
from seqlab.spec import members


def test_it_is_green_and_looks_at_everything() -> None:
    rows = gate.measure(Options())
    assert [row.what for row in rows if row.misses] == []
    told = " ".join(row.what for row in rows)
    kernels = [module.name for module in pkgutil.iter_modules(seqlab.kernels.__path__) if module.ispkg]
    assert all(f"kernel {name} " in told for name in kernels)
    assert all(f"the future in {name}" in told for name in members("mixers"))


def gradient_times(factor: float) -> Callable[[Tensor], Tensor]:
    """The same value with another gradient."""

    def fault(y: Tensor) -> Tensor:
        y.register_hook(lambda gradient: factor * gradient)
        return y

    return fault


@pytest.mark.parametrize(
    "fault", [lambda y: 1.0001 * y, gradient_times(1.0001), gradient_times(torch.nan), lambda y: y[None]]
)
def test_a_kernel_that_strays_is_red(fault: Callable[[Tensor], Tensor]) -> None:
    case = next(case for case in cases() if case.name == "rms_norm 40")
    wrong = replace(case, fast=lambda **arguments: fault(case.fast(**arguments)))
    cpu = torch.device("cpu")
    assert not gate._kernel(case, torch.float32, cpu).misses
    assert gate._kernel(wrong, torch.float32, cpu).misses


def test_a_mixer_that_sees_the_future_is_red(monkeypatch: pytest.MonkeyPatch) -> None:
    class Seer(nn.Module):
        causal = True

        def build(self, *, dim: int, length: int) -> Seer:
            return self

        def forward(self, x: Tensor) -> Tensor:
            return x + 1e-6 * x.mean(1, keepdim=True)

    monkeypatch.setattr(gate, "members", lambda kind: {"seer": Seer})
    (row,) = gate._causality()
    assert row.misses


def test_a_resume_that_differs_is_red(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = gate.resume
    monkeypatch.setattr(gate, "resume", lambda run, *watch: plain(run))
    assert gate._resuming().misses
