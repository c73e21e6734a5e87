"""The numbers a model must beat to have learned anything: uniform, unigram, bigram and the best byte n-gram.

Each floor is a JSON-able dict with `nats_per_symbol` and `bits_per_byte`, measured on the validation text by models
counted on the training text (ngram.py).
"""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from seqlab.data import cache, ngram
from seqlab.data.symbols import Symbols
from seqlab.places import cache_folder

Floor = dict[str, Any]


def cheap_floors(train_ids: np.ndarray, valid_ids: np.ndarray, symbols: Symbols) -> dict[str, Floor]:
    """Uniform (ln V), unigram and bigram over symbols; ids (symbols,). Under a second for 10 MB."""
    ngram.check_length(train_ids, valid_ids)
    per_symbol = float(symbols.byte_lengths()[valid_ids[ngram.LONGEST :]].mean())
    unigram, bigram = ngram.symbol_nats(train_ids, valid_ids, symbols.size)
    nats = {"uniform": float(np.log(symbols.size)), "unigram": unigram, "bigram": bigram}
    return {name: _floor(value, value / np.log(2) / per_symbol) for name, value in nats.items()}


def ngram_floor(train: np.ndarray, valid: np.ndarray, bytes_per_symbol: float = 1.0) -> Floor:
    """The best byte n-gram with 0 to 7 bytes of context; train and valid (bytes,) uint8. Seconds, then cached.

    `bytes_per_symbol` is the mean over the validation text; it turns bits per byte into nats per symbol.
    """
    bits = cached_bits(train, valid)
    if bits is None:
        bits = ngram.byte_ngram_bits(train, valid)
        _keep(_place(train, valid), bits)
    best = int(np.argmin(bits))
    floor = _floor(bits[best] * np.log(2) * bytes_per_symbol, bits[best])
    return floor | {"context_bytes": best, "bits_per_byte_by_context": bits}


def floors(train: np.ndarray, valid: np.ndarray, symbols: Symbols) -> dict[str, Floor]:
    """All floors of two texts in bytes: uniform, unigram, bigram and ngram."""
    train_ids, valid_ids = symbols.encode(train), symbols.encode(valid)
    cheap = cheap_floors(train_ids, valid_ids, symbols)
    return cheap | {"ngram": ngram_floor(train, valid, bytes_per_symbol=len(valid) / len(valid_ids))}


def cached_bits(train: np.ndarray, valid: np.ndarray) -> list[float] | None:
    """Bits per byte by length of context where they were measured before, else None; computes nothing."""
    try:
        bits = json.loads(_place(train, valid).read_text())
    except (OSError, ValueError):
        return None  # not measured, or a cache that cannot be read: it is measured again
    return bits if isinstance(bits, list) and len(bits) == ngram.LONGEST + 1 else None


def _floor(nats_per_symbol: float, bits_per_byte: float) -> Floor:
    return {"nats_per_symbol": float(nats_per_symbol), "bits_per_byte": float(bits_per_byte)}


def _place(train: np.ndarray, valid: np.ndarray) -> Path:
    return cache_folder() / "floors" / f"witten-bell-{cache.sha256(train)[:32]}-{cache.sha256(valid)[:32]}.json"


def _keep(place: Path, bits: list[float]) -> None:
    with suppress(cache.CacheUnwritable):  # the cache saves time only; the floor is right without it
        cache.write(place, json.dumps(bits).encode())
