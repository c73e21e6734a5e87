"""`list(set(words))` has another order in every process (plasticity notebook, Permuted Shakespeare).

The "seed" of its experiments could not be repeated: the numbers of the words depended on Python's string hashes.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from exhibits import TEXT, small

from seqlab.data.signature import Signature
from seqlab.experiment import Experiment
from seqlab.spec import find
from seqlab.tasks import Task
from seqlab.tasks.text import PreparedText, Text

CAUGHT_BY = "process_independence"
SAYS = r"other alphabet, held-out inputs, training batches.*sorted\(set"


class Words(Text):
    """A text of words."""

    def prepare(self) -> PreparedText:
        return PreparedWords(self)


class PreparedWords(PreparedText):
    def __init__(self, spec: Text) -> None:
        super().__init__(spec)
        words = TEXT.read_text().split()
        self.vocabulary = list(set(words))
        numbers = {word: number for number, word in enumerate(self.vocabulary)}
        ids = np.array([numbers[word] for word in words], np.uint16)
        cut = len(ids) * 9 // 10
        self.encoded = {"train": ids[:cut], "val": ids[cut:]}
        self.signature = Signature(vocabulary=len(self.vocabulary), length=spec.length)

    def floors(self) -> dict[str, Any]:
        return {}

    def assets(self) -> dict[str, Any]:
        return {"words": self.vocabulary}


def faulty() -> Experiment:
    return small(task=cast(Task, find("tasks", f"{__file__}:Words")(path=str(TEXT), length=32)))
