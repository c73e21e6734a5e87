"""Reading and cutting texts."""

from pathlib import Path

import numpy as np
import pytest

from seqlab.data import DataError, cache, text


def test_a_file_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_bytes(b"a\xffb")
    source = text.read_text(str(path))
    assert source.data.tobytes() == b"a\xffb"
    assert source.sha256 == cache.sha256(b"a\xffb")
    assert source.title == "mine.txt"


def test_a_missing_file_names_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "shakespeare.txt").write_text("x")
    with pytest.raises(DataError, match=r"shakespear\.txt \(near it: shakespeare\.txt\)"):
        text.read_text(str(tmp_path / "shakespear.txt"))


def test_an_empty_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(DataError, match="is empty"):
        text.read_text(str(tmp_path / "empty"))
    with pytest.raises(DataError, match="is a folder"):
        text.read_text(str(tmp_path))


def test_a_tokenizer_is_no_text() -> None:
    with pytest.raises(DataError, match="is of the kind tokenizer, but text is needed"):
        text.read_text("card:gpt2-tokenizer")


def test_a_changed_product_in_the_cache_is_noticed(cache_folder: Path) -> None:
    product = cache_folder / "data" / "sotu.txt"
    product.parent.mkdir(parents=True)
    product.write_bytes(bytes(10_761_622))
    with pytest.raises(DataError, match="is damaged; delete it"):
        text.read_text("card:sotu")


@pytest.mark.parametrize(
    ("size", "train", "valid"),
    [(1_115_394, 1_003_854, 111_540), (10_761_622, 9_685_459, 1_076_163), (4_151_620, 3_736_458, 415_162)],
)
def test_the_published_splits(size: int, train: int, valid: int) -> None:
    parts = text.split(np.zeros(size, np.uint8))
    assert [len(part) for part in parts] == [train, valid, 0]


def test_test_comes_last_and_nothing_is_lost() -> None:
    data = np.arange(100, dtype=np.uint8)
    parts = text.split(data, validation=0.2, test=0.1)
    assert [len(part) for part in parts] == [70, 20, 10]
    np.testing.assert_array_equal(np.concatenate(parts), data)


def test_a_cut_never_falls_inside_a_character() -> None:
    data = np.frombuffer("€".encode() * 10, np.uint8)
    for validation in np.linspace(0.2, 0.8, 13):
        for part in text.split(data, validation=float(validation), test=0.1, whole_characters=True):
            part.tobytes().decode()


@pytest.mark.parametrize(("validation", "test"), [(0, 0), (-0.1, 0), (0.6, 0.5), (0.5, 0.5)])
def test_fractions_that_leave_nothing_are_refused(validation: float, test: float) -> None:
    with pytest.raises(DataError, match="must leave a part to train on"):
        text.split(np.zeros(10, np.uint8), validation, test)


def test_a_text_too_short_to_cut_is_refused() -> None:
    with pytest.raises(DataError, match="train would be empty"):
        text.split(np.zeros(1, np.uint8))
