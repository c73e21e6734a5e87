"""The LRU against the pseudo-code of its paper (arXiv 2303.06349, appendix A), and the ring that it starts on."""

from __future__ import annotations

import pytest
import torch

from seqlab.mixers.lru import LRU
from seqlab.spec import SpecError


def test_the_published_formula() -> None:
    torch.manual_seed(0)
    module = LRU(states=3, inner_radius=0.4, outer_radius=0.9).build(dim=4, length=11).double()
    x = torch.randn(11, 4, dtype=torch.float64)
    ring = module.ring
    z = torch.exp(torch.complex(-ring.log_nu.exp(), ring.log_theta.exp()))
    b = torch.complex(*module.project.weight.chunk(2)) * ring.gamma()[:, None]
    c = torch.complex(module.out.weight[:, :3], -module.out.weight[:, 3:])
    state = torch.zeros(3, dtype=torch.complex128)
    for x_l, y_l in zip(x, module(x[None])[0], strict=True):
        state = z * state + b @ x_l.to(b.dtype)
        torch.testing.assert_close(y_l, (c @ state).real + module.skip * x_l)


def test_it_starts_on_a_ring_where_states_have_the_variance_of_their_input() -> None:
    torch.manual_seed(0)
    ring = LRU(inner_radius=0.5, outer_radius=0.9, max_phase=0.3).build(dim=4000, length=1).ring
    modulus = ring.decay().norm(dim=0)
    assert modulus.min() >= 0.5
    assert modulus.max() <= 0.9
    assert abs(modulus.square().mean() - (0.5**2 + 0.9**2) / 2) < 0.01
    assert ring.log_theta.exp().max() <= 0.3
    torch.testing.assert_close(ring.gamma().square(), 1 - modulus.square())


def test_an_empty_ring_is_refused() -> None:
    with pytest.raises(SpecError, match="inner radius"):
        LRU(inner_radius=0.9, outer_radius=0.9)
