"""The mathematics of diagonal state space models, against their definition."""

from __future__ import annotations

import pytest
import torch

from seqlab.filters.s4d import S4DKernel
from seqlab.nn.diagonal import Discretisation, Spectrum


@pytest.mark.parametrize("discretisation", ["zoh", "bilinear"])
@pytest.mark.parametrize("spectrum", ["lin", "inv", "legs"])
def test_late_taps_are_right_in_float32(discretisation: Discretisation, spectrum: Spectrum) -> None:
    """An angle of 4095 times dt b has thousands of turns: rounded to float32 first, taps would be off by 1e-3."""
    torch.manual_seed(0)
    kernel = S4DKernel(discretisation=discretisation, spectrum=spectrum).build(channels=4, length=4096)
    narrow = kernel(4096).double()
    exact = kernel.double()(4096)
    late = slice(3072, None)
    assert ((narrow - exact)[:, late].abs().amax(1) <= 1e-5 * exact[:, late].abs().amax(1)).all()


def test_the_state_is_the_sum_of_its_inputs_powers() -> None:
    torch.manual_seed(0)
    kernel = S4DKernel(states=6).build(channels=3, length=1).double()
    u = torch.randn(2, 50, 3, dtype=torch.float64)
    last, seen = torch.tensor([49, 30]), torch.tensor([50, 12])
    memory = kernel.init_memory(2)
    for t in range(50):
        counts = (last - seen < t) & (t <= last)
        _, after = kernel.step(u[:, t], memory)
        memory = torch.where(counts[:, None, None, None], after, memory)
    torch.testing.assert_close(kernel.memory_after(u, last, seen), memory, rtol=1e-12, atol=1e-12)
