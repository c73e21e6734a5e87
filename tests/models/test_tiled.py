"""Tiled: what comes in is repeated, bits are independent, and what is refused."""

from __future__ import annotations

import pytest
import torch

from seqlab.data.signature import Signature
from seqlab.mixers.attention import Attention
from seqlab.mixers.dln import DLN
from seqlab.mixers.tdln import TDLN
from seqlab.models.tiled import Tiled
from seqlab.nn.tiles import PixelTiles, SymbolTiles, bits_of
from seqlab.spec import SpecError


def test_numbers_are_repeated_over_the_features() -> None:
    image = torch.rand(2, 3, 4, 5)
    x = PixelTiles((3, 4, 5), 6)(image, torch.float32)
    assert x.shape == (2, 20, 6)
    torch.testing.assert_close(x[:, 7], image[:, :, 1, 2].tile(2))
    tokens = torch.tensor([[0, 3, 2]])
    one_hot = SymbolTiles(Signature(vocabulary=4, length=3), 8, bits=False)(tokens, torch.float32)
    assert one_hot[0, 1].tolist() == [0, 0, 0, 1] * 2
    bits = SymbolTiles(Signature(vocabulary=4, length=3), 6, bits=True)(tokens, torch.float32)
    assert bits[0].tolist() == [[0, 0] * 3, [1, 1] * 3, [1, 0] * 3]


def test_bits_are_independent() -> None:
    """The softmax over symbols is the product of the sigmoids of the bits."""
    model = Tiled(dim=8, mixers=(DLN(),), hidden=0, bits=True).build(Signature(vocabulary=16, length=5)).double()
    heard: list[torch.Tensor] = []
    model.head.register_forward_hook(lambda *call: heard.append(call[2]))
    probability = model(torch.randint(16, (3, 5))).softmax(-1)
    one = heard[0].sigmoid()[..., None, :]
    spelled = torch.where(bits_of(16, one) == 1, one, 1 - one).prod(-1)
    torch.testing.assert_close(probability, spelled)


@pytest.mark.parametrize("hidden", [0, 2])
def test_shapes_and_the_highway(hidden: int) -> None:
    image = torch.rand(2, 1, 4, 5)
    spec = Tiled(dim=6, mixers=(DLN(), TDLN()), hidden=hidden)
    model = spec.build(Signature(shape=(1, 4, 5), reconstructs=True))
    assert model(image).shape == image.shape
    assert not model.causal
    assert model.flops(1) == model.flops(20)
    assert [row["mixer"] for row in spec.card(model)["layers"]] == ["dln", "tdln"]
    assert Tiled(dim=6, mixers=(DLN(),)).build(Signature(shape=(1, 4, 5), classes=3))(image).shape == (2, 3)
    plain = Tiled(dim=6, mixers=(DLN(), TDLN()), hidden=hidden, residual=False).build(model.signature)
    plain.load_state_dict(model.state_dict())
    assert torch.equal(plain(image), model(image)) == (hidden == 0)


def test_symbols_are_answered_causally_at_each_position() -> None:
    model = Tiled(dim=8, mixers=(TDLN(levels=1),), hidden=1).build(Signature(vocabulary=4, length=6))
    tokens = torch.randint(4, (2, 6))
    changed = tokens.clone()
    changed[:, 4:] = (tokens[:, 4:] + 1) % 4
    assert model.causal
    assert model.max_length is None
    torch.testing.assert_close(model(tokens)[:, :4], model(changed)[:, :4])
    assert not torch.equal(model(tokens)[:, 4:], model(changed)[:, 4:])
    look = Tiled(dim=8, mixers=(Attention(causal=False),)).build(Signature(vocabulary=4, length=6))
    assert not look.causal
    assert look.max_length == 6


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(SpecError, match="`dim` 50 is no multiple of the 4 symbols"):
        Tiled(mixers=(DLN(),)).build(Signature(vocabulary=4, length=6))
    with pytest.raises(SpecError, match="bits spell 2, 4, 8"):
        Tiled(mixers=(DLN(),), bits=True).build(Signature(vocabulary=20, length=6))
    with pytest.raises(SpecError, match="class of a whole row"):
        Tiled(dim=4, mixers=(DLN(),)).build(Signature(vocabulary=4, length=6, classes=2))
    with pytest.raises(SpecError, match="at least one mixer"):
        Tiled(mixers=())


def test_a_level_without_its_highway_is_the_formula() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 5, 4)
    full, plain = (TDLN(levels=1, residual=residual).build(dim=4, length=5) for residual in (True, False))
    plain.load_state_dict(full.state_dict())
    first = TDLN().build(dim=4, length=5)
    first.recurrences[0].load_state_dict(full.recurrences[0].state_dict())
    second = TDLN().build(dim=4, length=5)
    second.recurrences[0].load_state_dict(full.recurrences[1].state_dict())
    h = first(x)
    torch.testing.assert_close(plain(x), full.norms[0](second(h).relu()))
    torch.testing.assert_close(full(x), full.norms[0]((second(h) + h).relu()))
