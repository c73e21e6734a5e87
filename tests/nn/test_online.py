"""The convolution one input at a time against the sum of its definition."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from seqlab.kernels.long_convolution.reference import long_convolution_reference
from seqlab.nn.online import BLOCK, OnlineConvolution

CHANNELS = 2


def inputs(length: int, batch: int = 1) -> Tensor:
    return torch.randn(batch, length, CHANNELS, dtype=torch.float64)


def exact(u: Tensor, taps: Tensor) -> Tensor:
    none = torch.zeros(CHANNELS, dtype=torch.float64)
    return long_convolution_reference(u.double(), taps.double(), none)


def stepped(online: OnlineConvolution, u: Tensor, memory: Tensor, position: Tensor) -> Tensor:
    outputs = [online.step(u_t, memory, position + time) for time, u_t in enumerate(u.unbind(1))]
    return torch.stack(outputs, dim=1)


def off(got: Tensor, wanted: Tensor) -> float:
    return ((got - wanted).abs().max() / wanted.abs().max()).item()


@pytest.mark.parametrize("taps", [1, BLOCK - 1, 3 * BLOCK, 300])
@pytest.mark.parametrize("length", [1, BLOCK, 7 * BLOCK + 3])
def test_steps_give_the_sum(length: int, taps: int) -> None:
    u, kernel = inputs(length, batch=2), torch.randn(CHANNELS, taps, dtype=torch.float64)
    y = stepped(OnlineConvolution(kernel), u, torch.zeros_like(u), torch.zeros(2, dtype=torch.int64))
    assert off(y, exact(u, kernel)) <= 1e-13


@pytest.mark.parametrize("prompt", [1, BLOCK - 1, BLOCK, 3 * BLOCK, 5 * BLOCK + 7])
def test_steps_go_on_after_a_prompt(prompt: int) -> None:
    length = 9 * BLOCK + 5
    u, kernel = inputs(length), torch.randn(CHANNELS, length, dtype=torch.float64)
    online, position = OnlineConvolution(kernel), torch.tensor([prompt])
    memory = online.prefill(u[:, :prompt], position, length)
    assert off(stepped(online, u[:, prompt:], memory, position), exact(u, kernel)[:, prompt:]) <= 1e-13


def test_the_memory_does_not_tell_a_prompt_from_steps() -> None:
    u, kernel = inputs(6 * BLOCK), torch.randn(CHANNELS, 200, dtype=torch.float64)
    online = OnlineConvolution(kernel)
    for prompt in (3, 2 * BLOCK, 5 * BLOCK + 1):
        memory = torch.zeros_like(u)
        stepped(online, u[:, :prompt], memory, torch.zeros(1, dtype=torch.int64))
        assert off(memory, online.prefill(u[:, :prompt], torch.tensor([prompt]), u.shape[1])) <= 1e-13


def test_rows_stand_at_positions_of_their_own() -> None:
    length, prompts = 5 * BLOCK, torch.tensor([BLOCK + 3, 2 * BLOCK, 1, BLOCK + 3])
    u, kernel = inputs(length, batch=4), torch.randn(CHANNELS, length, dtype=torch.float64)
    online, steps = OnlineConvolution(kernel), 2 * BLOCK + 1
    memory = online.prefill(u[:, : 2 * BLOCK], prompts, length)
    following = torch.stack([row[prompt : prompt + steps] for row, prompt in zip(u, prompts.tolist(), strict=True)])
    y = stepped(online, following, memory, prompts)
    for row, prompt in enumerate(prompts.tolist()):
        assert off(y[row], exact(u[row : row + 1], kernel)[0, prompt : prompt + steps]) <= 1e-13


def test_selected_and_joined_rows_go_on() -> None:
    length, kernel = 4 * BLOCK, torch.randn(CHANNELS, 4 * BLOCK, dtype=torch.float64)
    u, online = inputs(length, batch=2), OnlineConvolution(kernel)
    ahead = online.prefill(u[:, : 2 * BLOCK - 1], torch.tensor([2 * BLOCK - 1] * 2), length)
    behind = online.prefill(u[:, :5], torch.tensor([5, 5]), length)
    memory, position = torch.cat([ahead[[1, 1]], behind[[0]]]), torch.tensor([2 * BLOCK - 1, 2 * BLOCK - 1, 5])
    following = torch.stack([u[1, 2 * BLOCK - 1 :], u[1, 2 * BLOCK - 1 :], u[0, 5 : 2 * BLOCK + 6]])
    y = stepped(online, following, memory, position)
    assert torch.equal(y[0], y[1])
    assert off(y[1], exact(u, kernel)[1, 2 * BLOCK - 1 :]) <= 1e-13
    assert off(y[2], exact(u, kernel)[0, 5 : 2 * BLOCK + 6]) <= 1e-13


def test_groups_of_channels_share_the_taps() -> None:
    groups, length = 3, 2 * BLOCK + 5
    u, kernel = torch.randn(1, length, groups * CHANNELS, dtype=torch.float64), torch.randn(CHANNELS, 50).double()
    online, position = OnlineConvolution(kernel), torch.tensor([BLOCK + 1])
    memory = online.prefill(u[:, : BLOCK + 1], position, length)
    y = stepped(online, u[:, BLOCK + 1 :], memory, position)
    for own, got in zip(u.split(CHANNELS, dim=2), y.split(CHANNELS, dim=2), strict=True):
        assert off(got, exact(own, kernel)[:, BLOCK + 1 :]) <= 1e-13


def test_float32_stays_at_its_rounding() -> None:
    u, kernel = inputs(2000), torch.randn(CHANNELS, 2000, dtype=torch.float64)
    online, position = OnlineConvolution(kernel.float()), torch.tensor([1500])
    memory = online.prefill(u[:, :1500].float(), position, 2000)
    y = stepped(online, u[:, 1500:].float(), memory, position)
    assert y.dtype == torch.float32
    assert off(y, exact(u, kernel)[:, 1500:]) <= 1e-6


def test_transforms_grow_with_the_squares_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Points transformed in all: L log2(L / block), where recomputing each prefix would take about L^2."""
    points: list[int] = []

    def counted(x: Tensor, size: int) -> Tensor:
        points.append(size)
        return torch.fft.rfft(x, size)

    length = 64 * BLOCK
    u, online = inputs(length), OnlineConvolution(torch.randn(CHANNELS, length, dtype=torch.float64))
    stepped(online, u, torch.zeros_like(u), torch.zeros(1, dtype=torch.int64))
    monkeypatch.setattr("seqlab.nn.online.rfft", counted)
    stepped(online, u, torch.zeros_like(u), torch.zeros(1, dtype=torch.int64))
    assert sum(points) == length * 6
