"""A vocabulary whose order depends on the process: `list(set(words))` (plasticity notebook, permuted Shakespeare).

Python hashes texts by another seed in each process, so "seed 0" was another experiment each time it was started, and no
two seeds could be compared.
"""

from __future__ import annotations

import numpy as np
from exhibits import TEXT, small

from seqlab.data.symbols import Bytes
from seqlab.experiment import Experiment
from seqlab.tasks.text import PreparedText, Text

CAUGHT_BY = "process_independence"
SAYS = r"another process makes other batches.*sort the vocabulary"
FROM_A_FILE = True


class Permuted(Text):
    """Bytes renumbered by the order of a set."""

    order: bool = False
    """Whether the vocabulary is sorted."""

    def prepare(self) -> PreparedText:
        return PreparedPermuted(self)


class PreparedPermuted(PreparedText):
    def __init__(self, spec: Permuted) -> None:
        super().__init__(spec)
        words = {chr(byte) for byte in range(Bytes.size)}
        known = sorted(words) if spec.order else list(words)
        number = np.array([known.index(chr(byte)) for byte in range(Bytes.size)])
        self.encoded = {name: number[symbols] for name, symbols in self.encoded.items()}


def healthy() -> Experiment:
    return small(task=Permuted(path=str(TEXT), length=32, order=True))


def faulty() -> Experiment:
    return small(task=Permuted(path=str(TEXT), length=32))
