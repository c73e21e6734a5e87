"""Pairs of articles: balanced, apart, told by their outlets alone, and what is no table."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqlab.data import DataError
from seqlab.data.builders import news
from seqlab.tasks.news_pairs import NewsPairs, PreparedNewsPairs

OUTLETS = ("a", "b", "c")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Ninety articles; the first byte of each is its outlet's letter, the rest its number."""
    path = tmp_path / "news.tsv"
    path.write_text("".join(f"{OUTLETS[n % 3]}\t{OUTLETS[n % 3]}{n:03d}\n" for n in range(90)))
    return path


def prepared(path: Path, **fields: Any) -> PreparedNewsPairs:
    return NewsPairs(**{"path": str(path), "length": 6, "training": 200, "held_out": 40, **fields}).prepare()


def test_pairs_are_balanced_and_splits_share_no_article(table: Path) -> None:
    task, articles = prepared(table), {}
    for split, count in (("train", 200), ("val", 40), ("test", 40)):
        rows = task.rows(split, 0)
        assert rows.inputs.shape == (count, 2, 6)
        assert np.bincount(rows.labels).tolist() == [count // 2, count // 2]
        same = rows.inputs[:, 0, 0] == rows.inputs[:, 1, 0]
        assert same.tolist() == (rows.labels == 1).tolist()
        assert not (rows.inputs[:, 0] == rows.inputs[:, 1]).all(1).any()
        articles[split] = {document.tobytes() for pair in rows.inputs for document in pair}
    assert not articles["train"] & articles["val"]
    assert not (articles["train"] | articles["val"]) & articles["test"]


def test_a_seed_decides_which(table: Path) -> None:
    one, again, other = (prepared(table, seed=seed).rows("val", 0).inputs for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("a\tx\nb\n", r"line 2: it has 1 columns and needs 2 with a tab between them \(outlet, text\)"),
        ("a\tx\na\ty\n", "needs two outlets"),
    ],
)
def test_tables_that_are_none(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "news.tsv"
    path.write_text(content)
    with pytest.raises(DataError, match=told):
        prepared(path)


def test_the_card_drops_repeats_and_masks_what_tells_the_outlet() -> None:
    head = "article_id,publish_date,article_source_link,title,subtitle,text\n"
    rows = [
        '1,d,http://www.bbc.co.uk/a,t,s,"The BBC, or www.bbc.co.uk, was told."',
        "2,d,http://edition.cnn.com/b,t,s,CNN asked the abc of it.",
        "3,d,http://edition.cnn.com/c,t,s,CNN asked the abc of it.",
        "4,d,http://edition.cnn.com/d,t,s,",
    ]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as written:
        written.writestr("NewsArticles.csv", head + "\n".join(rows) + "\n")
    product = news({"NewsArticles.zip": archive.getvalue()}).decode()
    assert product == "bbc.co.uk\tThe _, or _ was told.\ncnn.com\t_ asked the _ of it.\n"
