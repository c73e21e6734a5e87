"""Potts: sizes as published, couplings laid out against the kernel's logits, padding, variants, what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from seqlab.channels.mlp import MLP
from seqlab.data.signature import Signature
from seqlab.mixers.attention import Attention
from seqlab.models import Block
from seqlab.models.mlp import MLP as Perceptron
from seqlab.models.potts import Potts, PottsModel
from seqlab.nn.norms.layernorm import LayerNorm
from seqlab.spec import SpecError

SIGNATURE = Signature(shape=(5,), length=9, vocabulary=4, emits=True)


def blocks(dim: int, depth: int, heads: int) -> tuple[Block, ...]:
    mixer = Attention(heads=heads, causal=False, bias=True)
    block = Block(mixer=mixer, channel=MLP(expansion=2048 / dim, activation="relu"), norm=LayerNorm(), placement="post")
    return (block,) * depth


def small(**fields: Any) -> PottsModel:
    layers = (Block(mixer=Attention(heads=2, causal=False), placement="post", norm=LayerNorm()),)
    return Potts(dim=8, layers=layers, **{"heads": 3, **fields}).build(SIGNATURE).double().eval()


@pytest.mark.parametrize(
    ("dim", "depth", "attention", "heads", "head_map", "millions"),
    [(512, 6, 8, 48, "linear", 31.77), (128, 5, 4, 24, "parameter", 3.43), (128, 6, 4, 24, "parameter", 4.02)],
)
def test_sizes_are_the_published_ones(
    dim: int, depth: int, attention: int, heads: int, head_map: Any, millions: float
) -> None:
    with torch.device("meta"):
        spec = Potts(dim=dim, layers=blocks(dim, depth, attention), heads=heads, head_map=head_map)
        model = spec.build(Signature(shape=(512,), length=512, vocabulary=21, emits=True))
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(millions, abs=0.005)
    assert sum(p.numel() for p in model.widening.parameters()) == heads * dim**2


@pytest.mark.parametrize("likelihood", ["pseudo", "autoregressive", "autoregressive_scaled", "independent"])
@pytest.mark.parametrize("couplings", ["shared", "signed", "untied"])
def test_what_is_laid_out_is_what_is_scored(couplings: Any, likelihood: Any) -> None:
    if (couplings, likelihood) == ("untied", "independent"):
        with pytest.raises(SpecError, match="no couplings to untie"):
            small(couplings=couplings, likelihood=likelihood)
        return
    model = small(couplings=couplings, likelihood=likelihood)
    encodings, letters = torch.randn(7, 5, dtype=torch.float64), torch.randint(4, (6, 7))
    found = model(encodings[None], letters[None])
    fields, j = map(torch.from_numpy, model.fields_and_couplings(encodings))
    torch.testing.assert_close(j, j.permute(2, 3, 0, 1))
    assert not j[torch.arange(7), :, torch.arange(7)].any()
    seen = j if likelihood == "pseudo" else j * torch.ones(7, 7, dtype=torch.float64).tril(-1)[:, None, :, None]
    one_hot = nn.functional.one_hot(letters, 4).double()
    torch.testing.assert_close(found.logits[0], fields + torch.einsum("iajb,sjb->sia", seen, one_hot))
    torch.testing.assert_close(found.couplings[0], seen.square().sum())
    torch.testing.assert_close(found.fields[0], fields.square().sum())


def test_signed_couplings_are_no_cone() -> None:
    """Shared ones are positive semidefinite as a matrix of (i, a) before i = j is taken out."""
    for couplings, cone in (("shared", True), ("signed", False)):
        left, right, _ = small(couplings=couplings).emit(torch.randn(1, 7, 5, dtype=torch.float64))
        whole = torch.einsum("kia,kjb->iajb", left[0], right[0]).reshape(28, 28)
        assert (float(torch.linalg.eigvalsh(whole.detach()).min()) > -1e-9) == cone


def test_each_head_has_the_bias_of_fields_to_itself() -> None:
    model = small()
    encodings = torch.randn(1, 7, 5, dtype=torch.float64)
    left, _, fields = model.emit(encodings)
    v = left[0] * 3**0.25
    torch.testing.assert_close(fields[0], 3**-0.5 * sum(model.field(head) for head in v))


def test_padding_changes_nothing() -> None:
    model = small(couplings="untied")
    encodings, letters = torch.randn(2, 9, 5, dtype=torch.float64), torch.randint(4, (2, 3, 9))
    whole = model(encodings, letters, torch.tensor([9, 6]))
    alone = model(encodings[1:, :6], letters[1:, :, :6])
    torch.testing.assert_close(whole.logits[1:, :, :6], alone.logits)
    torch.testing.assert_close(whole.couplings[1:], alone.couplings)
    torch.testing.assert_close(whole.fields[1:], alone.fields)
    assert not whole.logits[1, :, 6:].any()


@pytest.mark.parametrize("head_map", ["parameter", "linear", "linear_bias", "mlp"])
@pytest.mark.parametrize("input_map", ["linear", "mlp"])
def test_maps_have_a_gradient_everywhere(head_map: Any, input_map: Any) -> None:
    model = small(head_map=head_map, input_map=input_map)
    found = model(torch.randn(2, 7, 5, dtype=torch.float64), torch.randint(4, (2, 3, 7)))
    (found.logits.square().sum() + found.couplings.sum()).backward()
    assert all(p.grad is not None and p.grad.any() for p in model.parameters())
    weight = next(p for name, p in model.named_parameters() if name.startswith("widening.map"))
    assert (float(weight.detach().std()) > 0.7) == (head_map == "parameter")


def test_bfloat16_reads_wide_numbers_and_keeps_couplings_wide() -> None:
    model = small().bfloat16()
    found = model(torch.randn(1, 7, 5), torch.randint(4, (1, 3, 7)))
    assert {part.dtype for part in found} == {torch.float32}


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(SpecError, match="needs at least one layer"):
        Potts(layers=())
    with pytest.raises(SpecError, match="looks both ways"):
        Potts(dim=8, layers=(Block(mixer=Attention(heads=2)),)).build(SIGNATURE)
    with pytest.raises(SpecError, match="task=families"):
        Potts(dim=8, layers=blocks(8, 1, 2)).build(Signature(vocabulary=4, length=9))
    with pytest.raises(SpecError, match="model=potts"):
        Perceptron().build(SIGNATURE)
