"""Retrieval of the Long Range Arena: does one paper of the ACL Anthology cite another, both read byte by byte?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from seqlab.data.cache import sha256
from seqlab.data.duplicates import apart
from seqlab.data.labelled import Labelled
from seqlab.data.signature import Signature
from seqlab.data.tables import check_count, read_table, whole_number
from seqlab.data.text import absolute, read_text
from seqlab.spec import Field
from seqlab.tasks import Task
from seqlab.tasks.shared.sequences import PADDING, PreparedSequences, byte_rows

__all__ = ["PreparedRetrieval", "Retrieval"]

FILES = {"train": "new_aan_pairs.train.tsv", "val": "new_aan_pairs.eval.tsv", "test": "new_aan_pairs.test.tsv"}
COLUMNS = ("label", "id1", "id2", "text1", "text2")
TRAINING = 147_086
"""Pairs of the official training file (google-research/long-range-arena, lra_release)."""


class Retrieval(Task):
    """Pairs of documents as bytes, two classes: the task of arXiv 2011.04006 on the official files, which no package
    registry carries. A training pair that is held out, in the same order, is left out."""

    folder: str
    """The folder with new_aan_pairs.train.tsv, new_aan_pairs.eval.tsv and new_aan_pairs.test.tsv."""
    edition: Literal["lra", "own"] = "lra"
    """Which files these are: the official ones, whose training pairs are counted, or `own`, of any number."""
    length: int = Field(default=4000, ge=1)
    """Bytes of a document; a longer one is cut there, as published."""

    def located(self) -> dict[str, str]:
        return {"folder": sha256("".join(_hashes(self.folder).values()).encode())}

    def anchored(self) -> Retrieval:
        return replace(self, folder=absolute(self.folder))

    def foretold(self) -> Signature:
        return Signature(vocabulary=PADDING + 1, length=self.length, classes=2, padding=PADDING, documents=2)

    def prepare(self) -> PreparedRetrieval:
        return PreparedRetrieval(self)


class PreparedRetrieval(PreparedSequences):
    """The three splits: rows (N, 2, L)."""

    def __init__(self, spec: Retrieval) -> None:
        self.spec = spec
        splits = {split: _read(spec, split) for split in FILES}
        places = apart({split: [pair.tobytes() for pair in part.inputs] for split, part in splits.items()})
        kept = {name: Labelled(part.inputs[places[name]], part.labels[places[name]]) for name, part in splits.items()}
        super().__init__(spec.foretold(), kept)
        self.fingerprints = _hashes(spec.folder)


def _read(spec: Retrieval, split: str) -> Labelled:
    path = Path(spec.folder).expanduser() / FILES[split]
    labels, documents = [], []
    for line, (label, _, _, *texts) in read_table(path, COLUMNS, header=False):
        labels.append(whole_number(label, 2, path, line))
        documents += [text.encode()[: spec.length] for text in texts]  # all of them would not fit in memory
    check_count(path, len(labels), TRAINING if spec.edition == "lra" and split == "train" else None)
    rows = byte_rows(documents, spec.length).reshape(-1, 2, spec.length)
    return Labelled(rows, np.array(labels, np.int64))


def _hashes(folder: str) -> dict[str, str]:
    return {name: read_text(str(Path(folder).expanduser() / name)).sha256 for name in FILES.values()}
