"""The classifier: heads, padding, pixels, two documents, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from seqlab.channels.mlp import MLP
from seqlab.data.signature import Signature
from seqlab.mixers import Mixer
from seqlab.mixers.attention import Attention
from seqlab.mixers.longconv import LongConv
from seqlab.mixers.lru import LRU
from seqlab.models import Block
from seqlab.models.classifier import Classifier, RowClassifier
from seqlab.nn.norms.batchnorm import BatchNorm
from seqlab.spec import SpecError

WORDS, PADDING, LENGTH = 9, 8, 12
SYMBOLS = Signature(vocabulary=WORDS, length=LENGTH, classes=3, padding=PADDING)
PAIRS = Signature(vocabulary=WORDS, length=LENGTH, classes=2, padding=PADDING, documents=2)
BOTH_WAYS = Attention(heads=2, causal=False)


def small(signature: Signature = SYMBOLS, mixer: Mixer = BOTH_WAYS, **fields: Any) -> RowClassifier:
    torch.manual_seed(0)
    spec = Classifier(dim=8, layers=(Block(mixer=mixer, channel=MLP(expansion=2)),) * 2, **fields)
    model = spec.build(signature).double().eval()
    assert len(spec.card(model)["layers"]) == 2
    return model


def rows(*lengths: int) -> Tensor:
    """Random words, padded."""
    words = torch.randint(0, PADDING, (len(lengths), LENGTH), generator=torch.Generator().manual_seed(1))
    return words.masked_fill(torch.arange(LENGTH) >= torch.tensor(lengths)[:, None], PADDING)


HEADS = ["mean", "last", "class_token"]
MIXERS: dict[str, Mixer] = {"attention": BOTH_WAYS, "lru": LRU(), "longconv": LongConv(bidirectional=True)}


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("name", MIXERS)
def test_padding_changes_nothing(name: str, head: Any) -> None:
    if name == "lru" and head == "class_token":
        pytest.skip("a causal mixer has no class token")
    model, tokens = small(mixer=MIXERS[name], head=head, position="learned"), rows(12, 7, 1)
    together = model(tokens)
    for row, length in zip(range(3), (12, 7, 1), strict=True):
        torch.testing.assert_close(together[row], model(tokens[row : row + 1, :length])[0])


def test_a_batch_norm_counts_real_positions_alone() -> None:
    model = small(norm=BatchNorm()).train()
    with torch.no_grad():
        cut, padded = model(rows(5, 5)[:, :5]), model(rows(5, 5))
    torch.testing.assert_close(cut, padded)


@pytest.mark.parametrize("head", HEADS)
def test_every_symbol_reaches_the_answer_and_rows_do_not_mix(head: Any) -> None:
    model, tokens = small(head=head), rows(12, 9)
    before = model(tokens)
    for place in range(12):
        changed = tokens.clone()
        changed[0, place] = (changed[0, place] + 1) % PADDING
        after = model(changed)
        assert not after[0].allclose(before[0])
        torch.testing.assert_close(after[1], before[1])


def test_what_each_head_reads() -> None:
    means, lasts = small(head="mean", norm=None), small(head="last", norm=None)
    tokens = rows(12, 7)
    x, lengths = means.entrance(tokens)
    for block in means.each_block():
        x = block(x, lengths)
    torch.testing.assert_close(means.encoded(tokens), torch.stack([x[0].mean(0), x[1, :7].mean(0)]))
    torch.testing.assert_close(lasts.encoded(tokens), torch.stack([x[0, 11], x[1, 6]]))


def test_padding_in_the_middle_is_a_symbol() -> None:
    tokens = rows(12)
    tokens[0, 4] = PADDING
    assert not small()(tokens).allclose(small()(torch.cat([tokens[:, :4], tokens[:, 5:]], 1)))


@pytest.mark.parametrize("shape", [(1, 3, 4), (3, 2, 2), (6,)])
def test_pixels_are_read_one_by_one_line_by_line(shape: tuple[int, ...]) -> None:
    model = small(Signature(shape=shape, classes=2), position="learned", pixel_mean=0.25, pixel_deviation=0.5)
    images = torch.rand(2, *shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    channels = shape[0] if len(shape) == 3 else 1
    pixels, lengths = model.entrance(images)
    assert lengths is None
    assert pixels.shape == (2, model.length, 8)
    second = images[0].reshape(channels, -1)[:, 1]
    torch.testing.assert_close(pixels[0, 1], model.entrance.linear((second - 0.25) / 0.5))
    assert model(images).shape == (2, 2)
    assert not model(images).allclose(model(images.flip(-1)))


def test_two_documents_are_encoded_alike_and_compared() -> None:
    model, a, b = small(PAIRS), rows(12, 4), rows(3, 12)
    first, second = model.encoded(a), model.encoded(b)
    due = model.head.compare(torch.cat([first, second, first - second, first * second], -1))
    due = model.head.answer(torch.nn.functional.gelu(due))
    torch.testing.assert_close(model(torch.stack([a, b], 1)), due)
    assert due.shape == (2, 2)


def test_the_laws_of_the_weights() -> None:
    model = Classifier(dim=64, layers=(Block(mixer=BOTH_WAYS),), position="learned", head="class_token").build(SYMBOLS)
    model.requires_grad_(False)
    assert float(model.entrance.table.std()) == pytest.approx(0.02, rel=0.1)
    assert float(model.positions.std()) == pytest.approx(0.02, rel=0.1)
    assert float(model.blocks[0].channel.down.weight.std()) == pytest.approx(256**-0.5, rel=0.05)
    assert not model.head.bias.any()
    assert not model.token.any()


def test_flops_are_those_of_the_formula() -> None:
    d, h, n = 8, 16, LENGTH
    layers = 2 * (2 * n * 4 * d * d + 4 * n * n * d + 4 * n * d * h)
    assert small().flops(n) == layers + 2 * d * 3
    assert small(PAIRS).flops(1) == 2 * layers + 2 * (4 * d * d + d * 2)
    image = small(Signature(shape=(3, 3, 4), classes=2))
    assert image.flops(1) == layers + 2 * n * 3 * d + 2 * d * 2


def test_a_class_token_before_a_causal_mixer_is_refused() -> None:
    with pytest.raises(SpecError, match=r"a class token stands before the row, and the mixer of layer 0 is causal"):
        small(mixer=LRU(), head="class_token")


def test_a_task_of_answers_at_each_position_is_refused() -> None:
    with pytest.raises(SpecError, match="the task asks for an answer at each position; choose another `model`"):
        small(Signature(vocabulary=WORDS, length=LENGTH))


def test_a_longer_row_is_refused() -> None:
    with pytest.raises(ValueError, match="built for rows of 12 positions and was given 13"):
        small(mixer=LRU())(torch.zeros(1, 13, dtype=torch.int64))


def test_three_documents_are_refused() -> None:
    with pytest.raises(SpecError, match="compares two documents at most"):
        small(Signature(vocabulary=WORDS, length=LENGTH, classes=2, documents=3))
