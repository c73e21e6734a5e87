"""DLN and TDLN beside their other forms, and their memory: fixed or trained, drawn within its bounds."""

from __future__ import annotations

import pytest
import torch

from seqlab.kernels.long_convolution import long_convolution
from seqlab.mixers.dln import DLN
from seqlab.mixers.tdln import TDLN
from seqlab.nn.memory import Memory
from seqlab.spec import SpecError


def test_dln_is_a_long_convolution_with_damped_cosines() -> None:
    torch.manual_seed(0)
    mixer = DLN().build(dim=3, length=50).double()
    x = torch.randn(2, 50, 3, dtype=torch.float64)
    lag = torch.arange(50)[:, None]
    taps = mixer.memory.size**lag * torch.cos(mixer.memory.theta * lag)
    torch.testing.assert_close(mixer(x), long_convolution(x, taps.T, torch.zeros_like(taps[0])))


def test_a_tdln_with_a_large_time_bias_is_the_dln_of_its_data_by_scan_loop_and_transform() -> None:
    """784 steps, as an image has them: all at once, step by step, and through the FFT."""
    torch.manual_seed(0)
    tdln, dln = (spec.build(dim=3, length=784).double() for spec in (TDLN(time_bias=1000.0), DLN()))
    recurrence = tdln.recurrences[0]
    dln.memory.load_state_dict(recurrence.memory.state_dict())
    x = torch.rand(2, 784, 3, dtype=torch.float64)
    data = recurrence.data(x)
    y, state, said = tdln(x), tdln.init_state(2), []
    for x_t in x.unbind(1):
        y_t, state = tdln.step(x_t, state)
        said.append(y_t)
    lag = torch.arange(784)[:, None]
    taps = dln.memory.size**lag * torch.cos(dln.memory.theta * lag)
    by_transform = long_convolution(data, taps.T, torch.zeros_like(taps[0]))
    for other in (dln(data), torch.stack(said, 1), by_transform):
        torch.testing.assert_close(other, y, rtol=0, atol=1e-11)


def test_a_fixed_memory_is_saved_and_not_trained() -> None:
    fixed = TDLN(memory=Memory(trained=False)).build(dim=4, length=8)
    trained = TDLN().build(dim=4, length=8)
    memory = {"recurrences.0.memory.size", "recurrences.0.memory.theta"}
    assert {name for name, _ in trained.named_parameters()} - {name for name, _ in fixed.named_parameters()} == memory
    assert fixed.state_dict().keys() == trained.state_dict().keys()
    assert fixed.param_groups() == []
    assert [group["weight_decay"] for group in trained.param_groups()] == [0.0]


def test_horizons_and_periods_bound_the_memory() -> None:
    spec = Memory(shortest_horizon=1000, longest_horizon=10_000, shortest_period=4, longest_period=8)
    memory = spec.build(dim=500)
    assert ((1 - memory.size >= 0.99e-4) & (1 - memory.size <= 1.01e-3)).all()
    assert ((memory.theta >= torch.pi / 4) & (memory.theta <= torch.pi / 2)).all()
    with pytest.raises(SpecError, match="longest_horizon"):
        Memory(shortest_horizon=100, longest_horizon=10)


def test_time_that_passes_adds_up() -> None:
    memory = Memory().build(dim=3).double()
    half = memory.elapsed(torch.full((3,), 0.5, dtype=torch.float64))
    once = torch.complex(*half.unbind(-2)) ** 2
    torch.testing.assert_close(once, torch.complex(*memory.decay()))
