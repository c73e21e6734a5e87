"""A stream of pairs of classes of texts, out of a CSV file."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seqlab.data import DataError
from seqlab.spec import SpecError
from seqlab.tasks.articles import PADDING, Articles


@pytest.fixture
def news(tmp_path: Path) -> Path:
    """Four outlets of 12 articles, one article twice, one row without an outlet."""
    path = tmp_path / "news.csv"
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["date", "article", "publication"])
        for number in range(12):
            for outlet in ("Echo", "Bugle", "Astra", "Courier"):
                table.writerow(["2016", f'{outlet} says, in "quotes", {number}', outlet])
        table.writerow(["2016", 'Echo says, in "quotes", 3', "Echo"])
        table.writerow(["2016", "nobody's", ""])
    return path


def spec(path: Path) -> Articles:
    return Articles(path=str(path), length=32, training=6, validation=4, tasks=6)


def test_every_pair_comes_once_and_no_text_is_on_both_sides(news: Path) -> None:
    task = spec(news).prepare()
    pairs = [task.classes_of(stage) for stage in range(6)]
    assert sorted(pairs) == sorted(task.pairs)
    for stage, names in enumerate(pairs):
        train, val = task.rows("train", stage), task.rows("val", stage)
        assert train.inputs.shape == (12, 32)
        assert val.inputs.shape == (8, 32)
        assert [np.bincount(part.labels).tolist() for part in (train, val)] == [[6, 6], [4, 4]]
        for row, label in zip(train.inputs, train.labels, strict=True):
            assert bytes(row[row != PADDING].astype(np.uint8)).startswith(names[label].encode())
        assert not {row.tobytes() for row in train.inputs} & {row.tobytes() for row in val.inputs}


def test_texts_are_drawn_anew_and_the_stream_is_the_seeds(news: Path) -> None:
    repeating = replace(spec(news), repeats=True, tasks=40)
    task, again, other = (s.prepare() for s in (repeating, repeating, replace(repeating, seed=1)))
    same = [stage for stage in range(40) if task.classes_of(stage) == task.classes_of(0)]
    assert len({task.rows("train", stage).inputs.tobytes() for stage in same}) > 1
    assert all(task.rows("train", s).inputs.tobytes() == again.rows("train", s).inputs.tobytes() for s in range(3))
    assert [task.classes_of(s) for s in range(9)] != [other.classes_of(s) for s in range(9)]


def test_what_is_wrong_is_one_sentence(news: Path) -> None:
    for changes, said in (
        ({"training": 9}, r"the class Astra has 12 different texts, and 13 are needed"),
        ({"tasks": 7}, r"4 classes, which make 6 pairs, and `task.tasks` asks for 7"),
        ({"text_column": "articl"}, r"has no column `articl`; did you mean `article`"),
        ({"class_column": "date"}, r"has 1 classes in its column `date`"),
        ({"path": "nowhere.csv"}, r"nowhere\.csv"),
    ):
        with pytest.raises(DataError, match=said):
            replace(spec(news), **changes).prepare()


def test_tokens_of_a_tokenizer(news: Path, tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    words = {"UNK": 0, "Echo": 1, "says": 2, "Bugle": 3}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="UNK"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.decoder = tokenizers.decoders.ByteLevel()
    made.save(str(tmp_path / "tokenizer.json"))
    task = replace(spec(news), symbols="tokenizer", tokenizer=str(tmp_path / "tokenizer.json"), length=12).prepare()
    assert (task.signature.vocabulary, task.signature.padding) == (5, 4)
    stage = [task.classes_of(stage) for stage in range(6)].index(("Bugle", "Echo"))
    rows = task.rows("train", stage)
    assert rows.inputs[rows.labels == 0][:, :2].tolist() == [[3, 2]] * 6
    assert rows.inputs[rows.labels == 1][:, :2].tolist() == [[1, 2]] * 6
    assert (rows.inputs[:, -1] == 4).all()
    with pytest.raises(SpecError, match="go together"):
        replace(spec(news), symbols="tokenizer")


def test_batches_and_floors(news: Path) -> None:
    task = spec(news).prepare()
    batch = task.batch(0, 3, 5, stage=2)
    assert batch.tensors["inputs"].shape == (5, 32)
    assert batch.tokens == 5 * 32
    assert task.floors()["chance"]["accuracy"] == 0.5
    assert task.stages == 6
