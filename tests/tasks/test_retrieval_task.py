"""Pairs of documents as a task: official files, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from seqlab.data import DataError
from seqlab.mixers.attention import Attention
from seqlab.models import Block
from seqlab.models.classifier import Classifier
from seqlab.tasks.retrieval import FILES, Retrieval

PAIRS = "1.0\ta\tb\tone text\tanother\n0.0\ta\tc\tone text\ta third, longer than most\n"
HELD_OUT = "0.0\td\te\ta fourth\ta fifth\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for split, name in FILES.items():
        (tmp_path / name).write_text(PAIRS + HELD_OUT if split == "train" else HELD_OUT.replace("a f", split + " f"))
    (tmp_path / FILES["test"]).write_text(HELD_OUT)
    return tmp_path


def own(folder: Path, length: int = 12) -> Retrieval:
    return Retrieval(folder=str(folder), edition="own", length=length)


def test_pairs_are_cut_padded_and_kept_apart(folder: Path) -> None:
    task = own(folder).prepare()
    train = task.rows("train", 0)
    texts = [[bytes(d[d < 256].astype("uint8")).decode() for d in pair] for pair in train.inputs]
    assert texts == [["one text", "another"], ["one text", "a third, lon"]]
    assert train.labels.tolist() == [1, 0]
    assert (len(task.rows("val", 0)), len(task.rows("test", 0))) == (1, 1)


def test_a_classifier_reads_both(folder: Path) -> None:
    task = own(folder).prepare()
    model = Classifier(dim=8, layers=(Block(mixer=Attention(heads=2, causal=False)),)).build(task.signature)
    batch = task.batch(0, 0, 2)
    assert batch.tensors["inputs"].shape == (2, 2, 12)
    assert batch.tokens == 2 * 2 * 12
    assert torch.isfinite(task.loss(model, batch)[0])
    assert 0 <= task.evaluate(model, "val")["calibration_error"] <= 1


def test_files_that_are_none(folder: Path) -> None:
    path = folder / FILES["train"]
    with pytest.raises(DataError, match=r"has 3 rows and the official file 147,086"):
        Retrieval(folder=str(folder)).prepare()
    path.write_text(PAIRS + "1.0\ta\tb\n")
    with pytest.raises(DataError, match=r"new_aan_pairs.train.tsv, line 3: it has 3 columns and needs 5"):
        own(folder).prepare()
    path.write_text(PAIRS.replace("0.0", "2.0"))
    with pytest.raises(DataError, match=r"line 2: '2.0' is no label from 0 to 1"):
        own(folder).prepare()
