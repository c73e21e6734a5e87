"""Words without their order: logistic regression on TF-IDF, the floor of tasks that read texts."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from seqlab.data.labelled import Labelled

__all__ = ["tfidf_floor"]

WORD = re.compile(r"\b\w\w+\b")
VOCABULARY, FEWEST_DOCUMENTS = 30_000, 2
"""The most frequent words that are known, each of which occurs in so many training texts at least."""
ITERATIONS = 100


def tfidf_floor(train: Labelled, valid: Labelled, classes: int) -> dict[str, float]:
    """The loss and the accuracy of multinomial logistic regression; rows are bytes (N, L) in UTF-8, and a symbol above
    255 is none. Seconds for 20,000 reviews.

    The conventions are scikit-learn's `TfidfVectorizer(sublinear_tf=True, min_df=2, max_features=30000)`: words in
    lower case of two letters or more, (1 + ln count) (1 + ln((1 + n) / (1 + documents))), rows of unit length. The
    loss, summed over texts, has |w|^2 / 2 added; the offsets go free.
    """
    counted = [_words(part) for part in (train, valid)]
    inverse = _inverse_frequencies(counted[0])
    bags = [_bag(texts, inverse) for texts in counted]
    weight, offset = _fitted(bags[0], torch.from_numpy(train.labels), len(inverse), classes)
    logits, labels = bags[1].logits(weight, offset), torch.from_numpy(valid.labels)
    accuracy = (logits.argmax(-1) == labels).double().mean()
    return {"loss": float(F.cross_entropy(logits, labels)), "accuracy": float(accuracy)}


def _words(part: Labelled) -> list[Counter[str]]:
    """How often each text has each word."""
    texts = (row[row < 256].astype(np.uint8).tobytes().decode(errors="replace") for row in part.inputs)
    return [Counter(WORD.findall(text.lower())) for text in texts]


def _inverse_frequencies(texts: list[Counter[str]]) -> dict[str, float]:
    """What each known word counts for: the rarer, the more."""
    totals, documents = Counter[str](), Counter[str]()
    for text in texts:
        totals.update(text)
        documents.update(text.keys())
    known = [word for word, _ in totals.most_common() if documents[word] >= FEWEST_DOCUMENTS][:VOCABULARY]
    return {word: 1 + float(np.log((1 + len(texts)) / (1 + documents[word]))) for word in known}


@dataclass(frozen=True)
class _Bag:
    """The words of all texts, one text after the other: their numbers, their values, and where each text begins."""

    words: Tensor
    values: Tensor
    starts: Tensor

    def logits(self, weight: Tensor, offset: Tensor) -> Tensor:
        """(N, C) of a weight (V, C)."""
        bags = F.embedding_bag(self.words, weight, self.starts, mode="sum", per_sample_weights=self.values)
        return bags + offset


def _bag(texts: list[Counter[str]], inverse: dict[str, float]) -> _Bag:
    numbers = {word: number for number, word in enumerate(inverse)}
    words: list[int] = []
    starts: list[int] = []
    values = []
    for text in texts:
        known = [word for word in text if word in inverse]
        found = np.array([(1 + np.log(text[word])) * inverse[word] for word in known])
        starts.append(len(words))
        words += [numbers[word] for word in known]
        values.append(found / max(float(np.linalg.norm(found)), 1e-12))
    return _Bag(torch.tensor(words), torch.from_numpy(np.concatenate(values)), torch.tensor(starts))


def _fitted(bag: _Bag, labels: Tensor, vocabulary: int, classes: int) -> tuple[Tensor, Tensor]:
    weight = torch.zeros(vocabulary, classes, dtype=torch.float64, requires_grad=True)
    offset = torch.zeros(classes, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weight, offset], max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = F.cross_entropy(bag.logits(weight, offset), labels, reduction="sum") + weight.square().sum() / 2
        loss.backward()
        return loss

    with torch.enable_grad():
        optimiser.step(closure)
    return weight.detach(), offset.detach()
