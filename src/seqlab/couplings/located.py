"""Where a model lies: a file of couplings, or a run of `seqlab fit`."""

from __future__ import annotations

from pathlib import Path

from seqlab.couplings.pairwise import Pairwise
from seqlab.couplings.saved import ENDINGS, load
from seqlab.data import DataError
from seqlab.journal import LabBook

__all__ = ["MODEL", "model_at"]

MODEL = "couplings.npz"
"""The model's file in the folder of a run."""


def model_at(source: str, runs: Path | None) -> Pairwise:
    """The model in a file, or of a run by name. Raises DataError or JournalError where there is none."""
    if source.endswith(ENDINGS):
        return load(Path(source))
    run = LabBook(runs).open(source)
    path = run.folder / MODEL
    if not path.is_file():
        raise DataError(
            f"{run.name} holds no couplings ({MODEL}); `seqlab fit METHOD ALIGNMENT` makes a run that does, and "
            "`seqlab couplings RUN STRUCTURE --out FILE.npz` writes those that a network emits for a structure"
        )
    return load(path)
