"""A validation subset that is chosen by `hash()` of a word: another one in every process.

Within one process the curve looks sound; a resumed run, and another seed, are scored on other text.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from exhibits import TEXT, small
from numpy.typing import NDArray

from seqlab.experiment import Experiment
from seqlab.spec import find
from seqlab.tasks import Task
from seqlab.tasks.text import PreparedText, Text

CAUGHT_BY = "process_independence"
SAYS = r"prepares other evaluation: .*hash"


class Hashed(Text):
    def prepare(self) -> PreparedText:
        return PreparedHashed(self)


class PreparedHashed(PreparedText):
    def _evaluation_windows(self, split: str, subset: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        starts, first = super()._evaluation_windows(split, False)
        if not subset:
            return starts, first
        chosen: Any = sorted(range(len(starts)), key=lambda index: hash(f"window {index}"))[: len(starts) // 4]
        return starts[chosen], first[chosen]


def faulty() -> Experiment:
    return small(task=cast(Task, find("tasks", f"{__file__}:Hashed")(path=str(TEXT), length=32)))
