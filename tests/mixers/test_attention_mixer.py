"""Attention where the conformance tests do not look: documents seen from both ends, a window's memory, norms."""

from __future__ import annotations

import pytest
import torch

from seqlab.mixers import Mixer
from seqlab.mixers.attention import Attention
from seqlab.mixers.dln import DLN
from seqlab.mixers.window import Window
from seqlab.nn.norms.batchnorm import BatchNorm
from seqlab.spec import SpecError

DIM = 8


@pytest.mark.parametrize("position", ["none", "alibi", "rotary"])
def test_both_sides_of_a_document_are_seen_and_nothing_else(position: str) -> None:
    layer = Attention(causal=False, heads=2, position=position).build(dim=DIM, length=12).double()  # type: ignore[arg-type]
    x = torch.randn(2, 12, DIM, dtype=torch.float64, requires_grad=True)
    starts = torch.zeros(2, 12, dtype=torch.bool)
    starts[0, 5] = starts[0, 11] = starts[1, 3] = True  # the last document of the first row is padding
    y = layer(x, torch.tensor([10, 12]), starts)
    for row, begin, end in ((0, 0, 5), (0, 5, 10), (1, 0, 3), (1, 3, 12)):
        torch.testing.assert_close(y[row, begin:end], layer(x[row : row + 1, begin:end])[0], rtol=0, atol=1e-12)
    (gradient,) = torch.autograd.grad(y[:, :10].sum(), x)
    assert gradient.isfinite().all()


def test_a_memory_ends_where_it_must_and_is_causal() -> None:
    assert Window(memory=DLN()).build(dim=DIM, length=6).max_length is None
    layer = Window(memory=Attention(), memory_dim=4).build(dim=DIM, length=6)
    assert layer.max_length == 6
    with pytest.raises(ValueError, match="6 positions"):
        layer(torch.randn(1, 7, DIM))
    with pytest.raises(SpecError, match="choose a causal mixer"):
        Window(memory=Attention(causal=False)).build(dim=DIM, length=6)


def test_the_state_of_a_memory_has_names_of_its_own() -> None:
    spec = Window(memory=Window(memory=DLN(), memory_dim=2, heads=1), memory_dim=4)
    layer = spec.build(dim=DIM, length=6)
    names = {"keys", "values", "position", "memory/keys", "memory/position", "memory/memory/memory"}
    assert names <= layer.init_state(1).keys()
    marked = [name for name, part in layer.named_modules() if getattr(part, "writes_residual", False)]
    assert marked == ["out"], "what goes into a window goes to no residual stream"


@pytest.mark.parametrize("spec", [Attention(qk_norm=BatchNorm()), Window(qk_norm=BatchNorm())])
def test_queries_are_not_normed_over_the_batch(spec: Mixer) -> None:
    with pytest.raises(SpecError, match="not over the batch"):
        spec.build(dim=DIM, length=6)
