"""What attention, its norms and its window do wrong in randomekek/sequence (August 2023 to June 2024), and that ours
do not.

A faulty form is written out here, on the weights of our layer, so that a test shows the fault before it denies it.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from seqlab.mixers import Mixer
from seqlab.mixers.attention import Attention, SelfAttention
from seqlab.mixers.dln import DLN
from seqlab.mixers.window import Window
from seqlab.nn.memory import Memory
from seqlab.nn.norms import Norm
from seqlab.nn.norms.batchnorm import BatchNorm
from seqlab.nn.norms.layernorm import LayerNorm
from seqlab.nn.norms.rmsnorm import RMSNorm

DIM, LENGTH = 12, 30


def build(spec: Mixer) -> nn.Module:
    torch.manual_seed(0)
    return spec.build(dim=DIM, length=LENGTH).double()


def written_out(layer: SelfAttention, x: Tensor, width: int) -> Tensor:
    """Causal attention, its scores divided by the square root of `width`."""
    q, k, v = layer.heads(x, torch.arange(x.shape[1])[None])
    scores = torch.einsum("blhe,bmhe->bhlm", q, k) / width**0.5
    future = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
    weights = scores.masked_fill(future, -torch.inf).softmax(-1)
    return layer.out(torch.einsum("bhlm,bmhe->blhe", weights, v).flatten(2))


@pytest.mark.parametrize("spec", [Attention(heads=3), Window(heads=3, window=LENGTH)])
def test_scores_are_divided_by_the_heads_width_and_not_by_the_models(spec: Mixer) -> None:
    layer, x = build(spec), torch.randn(2, LENGTH, DIM, dtype=torch.float64)
    torch.testing.assert_close(layer(x), written_out(layer, x, DIM // 3), rtol=0, atol=1e-12)
    assert not torch.allclose(layer(x), written_out(layer, x, DIM), atol=1e-4)


def moved_before_the_end(norm: nn.Module) -> float:
    """How far earlier outputs move when the last position changes."""
    x = torch.randn(1, LENGTH, DIM, dtype=torch.float64)
    changed = x.clone()
    changed[:, -1] += 3
    return (norm(x) - norm(changed))[:, :-1].abs().max().item()


class OverEverything(nn.Module):
    """The library's layer norm as it was called: over length and features together."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.layer_norm(x, x.shape[1:])


@pytest.mark.parametrize("spec", [LayerNorm(), RMSNorm(), BatchNorm()])
def test_a_norm_does_not_see_other_positions(spec: Norm) -> None:
    assert moved_before_the_end(OverEverything()) > 1e-2
    assert moved_before_the_end(spec.build(dim=DIM).double().eval()) == 0


@pytest.mark.parametrize("norm", [True, LayerNorm(weight=False, bias=False)])
def test_a_norm_of_queries_and_keys_is_over_the_head_alone(norm: Norm | bool) -> None:
    assert moved_before_the_end(build(Attention(heads=3, qk_norm=norm))) == 0


def positions_seen(spec: Mixer, layers: int) -> list[int]:
    """How far before the last output each input lies that reaches it through so many layers."""
    x = torch.randn(1, LENGTH, DIM, dtype=torch.float64, requires_grad=True)
    y = nn.Sequential(*(build(spec) for _ in range(layers)))(x)
    (gradient,) = torch.autograd.grad(y[:, -1].pow(2).sum(), x)
    return sorted((LENGTH - 1 - (gradient[0].abs().sum(-1) > 1e-12).nonzero()[:, 0]).tolist())


@pytest.mark.parametrize(("history", "reach"), [(1, 1), (2, 7), (5, 25)])
def test_six_layers_of_window_attention_see_no_farther_than_their_windows(history: int, reach: int) -> None:
    """With a dead memory beside it, this is all that "5 history can match full history" had."""
    assert positions_seen(Window(window=history), layers=6) == list(range(reach))


def test_a_memory_reaches_beyond_the_window_where_inverted_decays_forgot() -> None:
    """The public code drew decays of 0.001 to 0.05 for ones of 0.95 to 0.999: nothing outlives a few positions."""
    inverted = DLN(memory=Memory(shortest_horizon=1.001, longest_horizon=1.05))
    assert len(positions_seen(Window(window=2, memory=inverted), layers=1)) < 12
    assert len(positions_seen(Window(window=2, memory=DLN()), layers=1)) == LENGTH
