"""The vectorised n-grams against a dictionary that counts one byte after the other."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlab.data import DataError, floors, ngram
from seqlab.data.symbols import Bytes, Characters


def slow_nats(train: list[int], valid: list[int], context: int, size: int) -> float:
    """Mean nats of valid[7:] under interpolated Witten-Bell with `context` symbols, straight from the formula."""
    counts = [Counter(tuple(train[i : i + k + 1]) for i in range(len(train) - k)) for k in range(context + 1)]

    def probability(gram: tuple[int, ...]) -> float:
        if not gram:
            return 1 / size
        followers = [n for seen, n in counts[len(gram) - 1].items() if seen[:-1] == gram[:-1]]
        lower = probability(gram[1:])
        if not followers:
            return lower
        seen = counts[len(gram) - 1][gram]
        return (seen + len(followers) * lower) / (sum(followers) + len(followers))

    scored = [-math.log(probability(tuple(valid[i - context : i + 1]))) for i in range(7, len(valid))]
    return sum(scored) / len(scored)


# few different bytes, 0 and 255 among them, so that contexts repeat and padding with zeros would show
texts = st.lists(st.sampled_from([0, 1, 97, 255]), min_size=8, max_size=40)


@settings(max_examples=25, deadline=None)
@given(texts, texts)
def test_bytes_equal_the_formula(train: list[int], valid: list[int]) -> None:
    fast = ngram.byte_ngram_bits(np.array(train, np.uint8), np.array(valid, np.uint8))
    slow = [slow_nats(train, valid, k, 256) / math.log(2) for k in range(8)]
    np.testing.assert_allclose(fast, slow, rtol=1e-12)


@settings(max_examples=25, deadline=None)
@given(texts, texts, st.sampled_from([256, 300, 50_277]))
def test_symbols_equal_the_formula(train: list[int], valid: list[int], size: int) -> None:
    fast = ngram.symbol_nats(np.array(train, np.uint16), np.array(valid, np.uint16), size)
    np.testing.assert_allclose(fast, [slow_nats(train, valid, k, size) for k in (0, 1)], rtol=1e-12)


def english(bytes_wanted: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    words = ["the", "cat", "sat", "on", "a", "mät", "and", "saw"]
    return np.frombuffer(" ".join(rng.choice(words, bytes_wanted)).encode()[:bytes_wanted], np.uint8)


def test_floors_of_bytes_agree_with_each_other() -> None:
    text = english(4000)
    train, valid = text[:3600], text[3600:]
    found = floors.floors(train, valid, Bytes())
    by_context = found["ngram"]["bits_per_byte_by_context"]
    assert found["uniform"]["bits_per_byte"] == 8
    assert found["unigram"]["bits_per_byte"] == pytest.approx(by_context[0], rel=1e-12)
    assert found["bigram"]["bits_per_byte"] == pytest.approx(by_context[1], rel=1e-12)
    assert found["ngram"]["bits_per_byte"] == by_context[found["ngram"]["context_bytes"]] == min(by_context)
    assert found["ngram"]["nats_per_symbol"] == pytest.approx(min(by_context) * math.log(2))


def test_bits_per_byte_of_characters_count_their_bytes() -> None:
    text = np.frombuffer(("äöü" * 50).encode(), np.uint8)
    found = floors.floors(text[:240], text[240:], Characters.of(text))
    assert found["uniform"]["nats_per_symbol"] == pytest.approx(math.log(3))
    assert found["uniform"]["bits_per_byte"] == pytest.approx(math.log2(3) / 2)  # each is two bytes


def test_the_ngram_floor_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    text = english(1000)
    first = floors.ngram_floor(text[:900], text[900:])
    monkeypatch.setattr(ngram, "byte_ngram_bits", lambda *_: pytest.fail("measured again"))
    assert floors.ngram_floor(text[:900], text[900:]) == first


def test_a_short_text_is_refused() -> None:
    with pytest.raises(DataError, match="more than 7 symbols"):
        ngram.byte_ngram_bits(np.zeros(100, np.uint8), np.zeros(7, np.uint8))


def test_published_floors_of_the_shipped_text() -> None:
    """The lab's table: State of the Union 4.444, 3.590 (unigram, bigram; the longer contexts: slow, below)."""
    from seqlab.data import text

    train, valid, _ = text.split(text.read_text("card:sotu").data)
    assert (len(train), len(valid)) == (9_685_459, 1_076_163)
    found = floors.cheap_floors(train, valid, Bytes())
    assert found["unigram"]["bits_per_byte"] == pytest.approx(4.444, abs=6e-4)
    assert found["bigram"]["bits_per_byte"] == pytest.approx(3.590, abs=6e-4)


@pytest.mark.slow
def test_published_ngram_floor_of_the_shipped_text() -> None:
    from seqlab.data import text

    train, valid, _ = text.split(text.read_text("card:sotu").data)
    found = floors.ngram_floor(train, valid)
    assert found["context_bytes"] == 5
    assert found["bits_per_byte"] == pytest.approx(2.028, abs=6e-4)
    assert found["bits_per_byte_by_context"][3] == pytest.approx(2.394, abs=6e-4)
