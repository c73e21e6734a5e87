"""Film reviews as a task: official folders, splits, cutting, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from seqlab.data import DataError, builders, reviews
from seqlab.spec import id
from seqlab.tasks.reviews import PADDING, Reviews


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive of 20 reviews in each class of each part, one of which stands in both parts."""
    monkeypatch.setattr(reviews, "OFFICIAL", 20)
    for part in ("train", "test"):
        for label in ("neg", "pos"):
            place = tmp_path / part / label
            place.mkdir(parents=True)
            for number in range(20):
                (place / f"{number:02}_1.txt").write_bytes(f"{part} {label} {number:02} \xe9".encode())
    (tmp_path / "train/neg/05_1.txt").write_bytes((tmp_path / "test/pos/03_1.txt").read_bytes())
    return tmp_path


def text(row: np.ndarray) -> str:
    return bytes(row[row != PADDING].astype(np.uint8)).decode()


def test_the_official_folder(folder: Path) -> None:
    task = Reviews(path=str(folder), length=20).prepare()
    train, val, test = (task.rows(split, 0) for split in ("train", "val", "test"))
    assert (len(train), len(val), len(test)) == (35, 4, 40)
    texts = {split: {text(row) for row in part.inputs} for split, part in zip("abc", (train, val, test), strict=True)}
    assert texts["a"].isdisjoint(texts["b"] | texts["c"])
    assert texts["b"].isdisjoint(texts["c"])
    for part in (train, val, test):
        assert [int(" pos " in text(row)) for row in part.inputs] == part.labels.tolist()
    batch = task.batch(0, 0, 4)
    assert batch.tensors["inputs"].dtype == torch.int64
    assert batch.tensors["inputs"].shape == (4, 20)


def test_a_longer_review_is_cut(folder: Path) -> None:
    rows = Reviews(path=str(folder), length=9).prepare().rows("train", 0)
    assert {text(row) for row in rows.inputs} == {"train neg", "train pos"}


def test_the_first_rows_are_of_both_classes(folder: Path) -> None:
    """The first rows of a split are those that are scored during training, and the files are sorted by class."""
    for split in ("train", "test"):
        labels = Reviews(path=str(folder)).prepare().rows(split, 0).labels
        assert 0.2 < labels[: len(labels) // 2].mean() < 0.8


def test_the_files_decide_what_the_experiment_is(folder: Path) -> None:
    before = id(Reviews(path=str(folder)))
    (folder / "train/pos/07_1.txt").write_text("another one")
    assert id(Reviews(path=str(folder))) != before


def test_a_folder_with_too_few_reviews(folder: Path) -> None:
    (folder / "test/neg/00_1.txt").unlink()
    with pytest.raises(DataError, match=r"test/neg holds 19 reviews and the official one 20"):
        Reviews(path=str(folder)).prepare()


def test_a_review_that_was_cut_off(folder: Path) -> None:
    (folder / "train/neg/02_1.txt").write_bytes(b"")
    with pytest.raises(DataError, match=r"review 3 of .*train is empty, so it was cut off"):
        Reviews(path=str(folder)).prepare()


def test_the_table_of_the_card() -> None:
    made = builders.imdb({"a.csv": b'text,label,source\n"bad, ""so"" bad",0,imdb\ngood,1,imdb\nno,1,other\n'})
    assert made == b'0\t"bad, ""so"" bad"\n1\tgood\n'
