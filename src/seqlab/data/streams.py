"""Named random streams: counter-based, so that one consumer never shifts another.

A draw depends on (seed, name, counters) alone: resuming needs no saved generator, and two experiments that differ in
their method share the draws of `init` and `order`, so their comparison is paired.
"""

from __future__ import annotations

import hashlib

import numpy as np

__all__ = ["numpy_stream", "stream_seed"]


def stream_seed(seed: int, name: str, *counters: int) -> int:
    """A 63-bit seed for the stream `name` of an experiment at the given counters (step, epoch, part ...)."""
    text = "/".join([str(seed), name, *map(str, counters)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


def numpy_stream(seed: int, name: str, *counters: int) -> np.random.Generator:
    """A numpy generator (Philox) for a stream."""
    return np.random.Generator(np.random.Philox(key=stream_seed(seed, name, *counters)))
