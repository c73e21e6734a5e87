"""Made sequences whose answers stand earlier in them: the induction head and associative recall, with one question a
row or many.

The first two are those of HazyResearch/safari (src/dataloaders/synthetics.py), `many_queries` is that of
HazyResearch/zoology (zoology/data/multiquery_ar.py), `keyed` that of randomekek/sequence (synthetic.py). A symbol of
the first two is a rank in the sorted alphabet: ".", then the numerals, then "=>".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FIXED", "IGNORED", "NEW", "SEEN", "Recall", "associative", "induction", "key_and_value_ranges", "keyed",
    "many_queries",
]  # fmt: skip

IGNORED = -100
"""The target where nothing is asked."""

FIXED, SEEN, NEW = 1, 2, 4
"""The difficulties of a keyed answer: its key is fixed; contextual and seen before; contextual and new in the row."""

Symbols = NDArray[np.int64]


@dataclass(frozen=True)
class Recall:
    """A row: `inputs` (T,), `targets` (T,), IGNORED where nothing is asked, and how hard each target is (T,)."""

    inputs: Symbols
    targets: Symbols
    difficulty: Symbols


def induction(random: np.random.Generator, vocabulary: int, length: int, answer: int = 1, triggers: int = 1) -> Recall:
    """`length` numerals, in which "=>" stands before `answer` of them; then "=>" again, and what stood there follows.

    With more `triggers`, half of the rows have one and the others up to so many, each before the same answer. The
    difficulty is the distance of the last one to the question.
    """
    trigger = vocabulary - 1
    row = np.append(random.integers(1, trigger, length), trigger)
    count = triggers if random.random() < 0.5 else 1
    places = _apart(np.sort(random.integers(0, length - 1 - answer, count)), answer)
    copied = row[places[0] + 1 : places[0] + 1 + answer].copy()
    for place in places:
        row[place : place + 1 + answer] = [trigger, *copied]
    return _asked_at_the_end(np.append(row, copied), answer, length - places[-1])


def _apart(places: Symbols, gap: int) -> list[int]:
    """Those of the ascending places that lie more than `gap` behind the one before."""
    kept = [int(places[0])]
    for place in places[1:].tolist():
        if place - kept[-1] > gap:
            kept.append(place)
    return kept


def associative(random: np.random.Generator, vocabulary: int, length: int) -> Recall:
    """length / 2 pairs of a key and its value, a value drawn for each key of each row; then "=>", a key that occurred,
    and its value. The difficulty is the distance of that key's last place to the question."""
    keys, values = key_and_value_ranges(vocabulary)
    value_of = random.integers(values.start, values.stop, len(keys))
    pairs = random.integers(keys.start, keys.stop, length // 2)
    asked = random.choice(np.unique(pairs))
    row = np.stack([pairs, value_of[pairs - keys.start]], 1).flatten()
    last = 2 * int(np.flatnonzero(pairs == asked)[-1])
    whole = np.concatenate([row, [vocabulary - 1, asked, value_of[asked - keys.start]]])
    return _asked_at_the_end(whole, 1, len(row) + 1 - last)


def key_and_value_ranges(vocabulary: int) -> tuple[range, range]:
    """The symbols that are keys, the first half of the numerals, and those that are values."""
    middle = 1 + (vocabulary - 2) // 2
    return range(1, middle), range(middle, vocabulary - 1)


def _asked_at_the_end(row: Symbols, answer: int, difficulty: int) -> Recall:
    inputs, targets = row[:-1], np.full(len(row) - 1, IGNORED)
    targets[-answer:] = row[-answer:]
    return Recall(inputs, targets, np.full(len(inputs), difficulty))


def many_queries(
    random: np.random.Generator, vocabulary: int, length: int, pairs: int, power: float = 0.01, noise: bool = True
) -> Recall:
    """Multi-query associative recall: `pairs` different keys, each followed by its value, then each key once again,
    where its value is asked for.

    Keys are below V / 2, values from there on. The question's place is the 2 i-th behind the pairs, i drawn without
    repetition with p(i) ~ (i + 1)^(power - 1). All other places hold any symbol, or 0 without `noise`. The difficulty
    is the number of pairs.
    """
    keys = 1 + random.choice(vocabulary // 2 - 1, pairs, replace=False)
    values = vocabulary // 2 + random.choice(vocabulary - vocabulary // 2, pairs, replace=False)
    slots = (length - 2 * pairs) // 2
    likely = np.arange(1, slots + 1) ** (power - 1)
    places = 2 * pairs + 2 * random.choice(slots, pairs, replace=False, p=likely / likely.sum())
    inputs = random.integers(0, vocabulary, length) if noise else np.zeros(length, np.int64)
    inputs[: 2 * pairs] = np.stack([keys, values], 1).flatten()
    inputs[places] = keys
    targets = np.full(length, IGNORED)
    targets[places] = values
    return Recall(inputs, targets, np.full(length, pairs))


def keyed(random: np.random.Generator, fixed: Symbols, contextual: int, values: int, pairs: int) -> Recall:
    """`pairs` pairs of a key and its value, which is asked for at the key: that of a fixed key is given (F,), those of
    `contextual` others are drawn. Symbols are the fixed keys, the contextual ones, the values; the difficulty is FIXED,
    SEEN or NEW."""
    count = len(fixed) + contextual
    value_of = count + np.concatenate([fixed, random.integers(0, values, contextual)])
    keys = random.integers(0, count, pairs)
    row = np.stack([keys, value_of[keys]], 1).flatten()
    seen = np.array([key in keys[:place] for place, key in enumerate(keys)])
    kinds = np.where(keys < len(fixed), FIXED, np.where(seen, SEEN, NEW))
    targets = np.full(len(row) - 1, IGNORED)
    targets[::2] = row[1::2]
    return Recall(row[:-1], targets, np.repeat(kinds, 2)[:-1])
