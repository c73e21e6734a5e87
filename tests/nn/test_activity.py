"""Means of what hidden units hand on, whatever their activation."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqlab.nn.activity import Activity
from seqlab.nn.units import Units, gated


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("activation", [torch.relu, F.relu, nn.ReLU(), F.gelu, torch.tanh])
def test_means_are_those_of_the_activations(activation: Callable[[Tensor], Tensor], parts: int) -> None:
    handed_on = gated(activation) if parts == 2 else activation
    units = Units(incoming="up.weight", bias=None, outgoing="down.weight", parts=parts, activation=handed_on)
    before, centre = torch.randn(3, 5, parts * 4), torch.randn(4)
    active, activity = handed_on(before).flatten(0, -2), Activity(before, units)
    torch.testing.assert_close(activity.mean(), active.mean(0))
    torch.testing.assert_close(activity.magnitude(), active.abs().mean(0))
    torch.testing.assert_close(activity.deviation(centre), (active - centre).abs().mean(0))
