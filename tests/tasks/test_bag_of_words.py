"""The floor of texts: words are counted and weighed as stated, and a telling word is found."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from seqlab.data.labelled import Labelled
from seqlab.tasks.shared import bag_of_words
from seqlab.tasks.shared.bag_of_words import tfidf_floor


def rows(*texts: str) -> Labelled:
    """Texts padded to 32 bytes, every other one of class 1."""
    inputs = np.full((len(texts), 32), 256, np.uint16)
    for row, text in zip(inputs, texts, strict=True):
        row[: len(text.encode())] = np.frombuffer(text.encode(), np.uint8)
    return Labelled(inputs, np.arange(len(texts)) % 2)


def test_weights_are_those_of_the_docstring() -> None:
    counted = bag_of_words._words(rows("So so bad, a café", "so good", "so so so é 7"))
    assert counted[0] == {"so": 2, "bad": 1, "café": 1}
    inverse = bag_of_words._inverse_frequencies(counted)
    assert inverse == {"so": 1.0}  # the others stand in one text alone
    inverse = {"so": 1.0, "bad": 1 + math.log(2)}
    bag = bag_of_words._bag(counted, inverse)
    so, bad = 1 + math.log(2), 1 + math.log(2)
    assert bag.values.tolist() == pytest.approx([so / math.hypot(so, bad), bad / math.hypot(so, bad), 1.0, 1.0])
    assert (bag.words.tolist(), bag.starts.tolist()) == ([0, 1, 0, 0], [0, 2, 3])


def test_a_telling_word_is_found_and_the_loss_is_least() -> None:
    train = rows(*("the good one", "the bad one") * 10)
    found = tfidf_floor(train, rows("good it is", "bad it is", "a good thing", "bad"), 2)
    assert found["accuracy"] == 1.0
    assert found["loss"] < math.log(2)


def test_the_gradient_vanishes_where_it_ends() -> None:
    train = rows("good film", "bad film", "good fun", "no fun", "good", "bad")
    counted = bag_of_words._words(train)
    bag = bag_of_words._bag(counted, bag_of_words._inverse_frequencies(counted))
    labels = torch.from_numpy(train.labels)
    weight, offset = bag_of_words._fitted(bag, labels, int(bag.words.max()) + 1, 2)
    wrong = bag.logits(weight, offset).softmax(-1) - torch.nn.functional.one_hot(labels, 2)
    dense = torch.zeros(len(train), len(weight), dtype=torch.float64)
    ends = [*bag.starts.tolist()[1:], len(bag.words)]
    for row, (start, end) in enumerate(zip(bag.starts.tolist(), ends, strict=True)):
        dense[row, bag.words[start:end]] = bag.values[start:end]
    torch.testing.assert_close(dense.T @ wrong + weight, torch.zeros_like(weight), atol=1e-4, rtol=0)
    torch.testing.assert_close(wrong.sum(0), torch.zeros(2, dtype=torch.float64), atol=1e-4, rtol=0)
