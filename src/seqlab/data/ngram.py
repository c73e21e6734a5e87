"""Interpolated Witten-Bell n-grams, static: counted on the training text, never adapted.

    p_k(b | context of k) = (count(context, b) + kinds(context) * p_{k-1}(b)) / (total(context) + kinds(context))

`total` is how often the context was followed by anything, `kinds` by how many different symbols; p_{-1} is uniform,
and a context never seen leaves p_{k-1} as it is. Witten and Bell 1991, method C. Scoring starts at symbol 7 of the
validation text for every k, so that the longest context is full and all orders score the same symbols.
"""

import numpy as np

from seqlab.data import DataError

LONGEST = 7
"""The longest context in bytes: it and the byte that follows fill one 64-bit word."""


def byte_ngram_bits(train: np.ndarray, valid: np.ndarray) -> list[float]:
    """Bits per byte of `valid` under contexts of 0, 1, ... LONGEST bytes counted on `train`; both (bytes,) uint8.

    Raises DataError if either has not more than LONGEST bytes.
    """
    check_length(train, valid)
    words = np.sort(_grams(train, LONGEST + 1))
    probability = np.full(len(valid) - LONGEST, 1 / 256)
    bits = []
    for context in range(LONGEST + 1):
        seen = _shorten(words, context + 1, train)
        asked = _grams(valid, context + 1)[LONGEST - context :]
        probability = _interpolate(seen, asked, np.uint64(256), probability)
        bits.append(float(-np.log2(probability).mean()))
    return bits


def symbol_nats(train: np.ndarray, valid: np.ndarray, size: int) -> tuple[float, float]:
    """Nats per symbol of `valid` under the unigram and the bigram of `train`; both (symbols,) integers below `size`.

    The same form and the same scored symbols as `byte_ngram_bits`, so for bytes the same numbers in another unit.
    """
    check_length(train, valid)
    base, uniform = np.uint64(size), np.full(len(valid) - LONGEST, 1 / size)
    ids, asked = train.astype(np.uint64), valid.astype(np.uint64)
    unigram = _interpolate(np.sort(ids), asked[LONGEST:], base, uniform)
    pairs = np.sort(ids[:-1] * base + ids[1:])
    bigram = _interpolate(pairs, asked[LONGEST - 1 : -1] * base + asked[LONGEST:], base, unigram)
    return float(-np.log(unigram).mean()), float(-np.log(bigram).mean())


def check_length(train: np.ndarray, valid: np.ndarray) -> None:
    """Raises DataError unless both texts have more than LONGEST symbols."""
    shortest = min(len(train), len(valid))
    if shortest <= LONGEST:
        raise DataError(
            f"floors need more than {LONGEST} symbols to train and to validate on, here are {shortest}; "
            "give a longer text or a larger fraction"
        )


def _grams(data: np.ndarray, length: int) -> np.ndarray:
    """Every run of `length` <= 8 bytes as one integer, first byte highest: (len(data) - length + 1,) uint64."""
    count = len(data) - length + 1
    packed = np.zeros(count, np.uint64)
    for offset in range(length):
        packed <<= np.uint64(8)
        packed |= data[offset : offset + count]
    return packed


def _shorten(words: np.ndarray, length: int, data: np.ndarray) -> np.ndarray:
    """The sorted grams of `length` bytes of `data`, from the sorted `words` of LONGEST + 1 bytes.

    Sorted words stay sorted when cut to their first bytes; only the grams that begin too near the end of `data` to
    fill a word are missing and are put in their places.
    """
    if length > LONGEST:
        return words
    cut = words >> np.uint64(8 * (LONGEST + 1 - length))
    missing = np.sort(_grams(data[-LONGEST:], length))
    return np.insert(cut, np.searchsorted(cut, missing), missing)


def _interpolate(seen: np.ndarray, asked: np.ndarray, base: np.uint64, lower: np.ndarray) -> np.ndarray:
    """One order of the recursion: the probabilities (n,) of the `asked` grams given the sorted grams `seen`.

    A gram is context * base + symbol; `lower` (n,) holds the probabilities of the order below.
    """
    starts = _run_starts(seen)
    grams, counts = seen[starts], np.diff(starts, append=len(seen))
    contexts = grams // base
    firsts = _run_starts(contexts)
    totals, kinds = np.add.reduceat(counts, firsts), np.diff(firsts, append=len(grams))
    count = _look_up(grams, counts, asked)
    context = asked // base
    kind = np.maximum(_look_up(contexts[firsts], kinds, context), 1)  # 1 and count = total = 0 give back `lower`
    total = _look_up(contexts[firsts], totals, context)
    mixed: np.ndarray = (count + kind * lower) / (total + kind)
    return mixed


def _run_starts(ordered: np.ndarray) -> np.ndarray:
    """Where each run of equal values begins in a sorted, not empty array."""
    return np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))


def _look_up(keys: np.ndarray, values: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """values[where keys == asked], 0 where there is none; `keys` sorted."""
    place = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
    return np.where(keys[place] == asked, values[place], 0)
