"""A learned spectrum against its formula."""

from __future__ import annotations

import math

import pytest
import torch

from seqlab.filters.frequency import Frequency


@pytest.mark.parametrize(("length", "modes"), [(9, 3), (8, 3), (9, 64), (8, 64), (1, 1)])
def test_taps_are_a_sum_of_cosines(length: int, modes: int) -> None:
    taps = Frequency(modes=modes).build(channels=2, length=length).double()
    frequency = torch.arange(taps.spectrum.shape[1], dtype=torch.float64)
    weight = torch.complex(*taps.spectrum.unbind(-1))
    real = (frequency == 0) | (2 * frequency == length)
    angle = 2 * math.pi * frequency * torch.arange(length)[:, None] / length
    turns = torch.polar(torch.ones_like(angle), angle)
    wanted = (torch.where(real, 1, 2) * weight[:, None] * turns).real.sum(-1)
    torch.testing.assert_close(taps(length), wanted, rtol=0, atol=1e-14)
    assert len(frequency) == min(modes, length // 2 + 1)


def test_a_sum_over_the_length_is_of_size_one_at_the_start() -> None:
    taps = Frequency().build(channels=500, length=512)
    assert taps(512).square().sum(1).mean().item() == pytest.approx(1, rel=0.05)
