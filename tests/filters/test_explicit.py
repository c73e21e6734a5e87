"""Taps that are thresholded, smoothed and dropped: each against its formula."""

from __future__ import annotations

import math

import pytest
import torch

from seqlab.filters.explicit import Explicit
from seqlab.spec import SpecError

CHANNELS, LENGTH = 3, 11


def test_the_threshold_leaves_few_taps_at_the_start() -> None:
    """N(0, 0.002^2) beyond 0.003: 13.4 % of the taps, each nearer to zero by 0.003."""
    taps = Explicit(squash=0.003).build(channels=100, length=1000)
    kept = taps(1000) != 0
    assert kept.float().mean().item() == pytest.approx(math.erfc(1.5 / math.sqrt(2)), abs=0.01)
    assert torch.allclose(taps(1000)[kept].abs(), taps.weight[kept].abs() - 0.003)


def test_time_smoothing_is_a_mean_with_zeros_beyond_the_ends() -> None:
    taps = Explicit(smooth="time", window=5).build(channels=CHANNELS, length=LENGTH).double()
    padded = torch.nn.functional.pad(taps.weight, (2, 2))
    wanted = torch.stack([padded[:, tap : tap + 5].mean(1) for tap in range(LENGTH)], dim=1)
    assert torch.allclose(taps(LENGTH), wanted, rtol=0, atol=1e-15)


@pytest.mark.parametrize("length", [LENGTH, LENGTH + 1])
def test_frequency_smoothing_convolves_the_spectrum(length: int) -> None:
    taps = Explicit(smooth="frequency", window=3).build(channels=CHANNELS, length=length).double()
    spectrum = torch.nn.functional.pad(torch.fft.rfft(taps.weight), (1, 1))
    side = math.exp(-0.5)
    wanted = torch.fft.irfft(side * spectrum[:, :-2] + spectrum[:, 1:-1] + side * spectrum[:, 2:], length)
    assert torch.allclose(taps(length), wanted, rtol=0, atol=1e-15)


def test_taps_are_dropped_in_training_only() -> None:
    taps = Explicit(dropout=0.25).build(channels=100, length=1000)
    dropped = taps(1000)
    kept = dropped != 0
    assert kept.float().mean().item() == pytest.approx(0.75, abs=0.01)
    assert torch.allclose(dropped[kept], taps.weight[kept] / 0.75)
    assert torch.equal(taps.eval()(1000), taps.weight)


def test_channels_forget_at_different_speeds() -> None:
    """The law of double_exp: the deviation of tap l of channel c is 0.02 exp(-(l / L) (C/2)^(c/C))."""
    channels = 512
    early, late = Explicit(init="double_exp").build(channels=channels, length=4).weight.detach()[:, [0, 3]].T
    assert early.std().item() == pytest.approx(0.02, rel=0.1)
    assert (late.abs()[-64:] < 1e-6).all()
    assert late[:64].std() > 1e-4


def test_a_window_needs_a_middle() -> None:
    with pytest.raises(SpecError, match="odd"):
        Explicit(window=4)
