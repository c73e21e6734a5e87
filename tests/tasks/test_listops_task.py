"""ListOps as a task: made expressions, the cache, official files, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqlab.data import DataError, expressions, listops
from seqlab.places import cache_folder
from seqlab.spec import SpecError, id
from seqlab.tasks.listops import PADDING, ListOps, PreparedListOps

SMALL = {"shortest": 5, "longest": 30, "training": 60, "validation": 20, "test": 20}


def made(**fields: Any) -> PreparedListOps:
    return ListOps(**{**SMALL, **fields}).prepare()


def written(row: NDArray[Any]) -> NDArray[Any]:
    """A row without its padding."""
    return row[row != PADDING]


def test_rows_are_expressions_with_their_values_and_splits_share_none() -> None:
    task, seen = made(), set()
    for split, count in (("train", 60), ("val", 20), ("test", 20)):
        data = task.rows(split, 0)
        assert data.inputs.shape == (count, 30)
        for row, label in zip(data.inputs, data.labels, strict=True):
            assert 5 <= len(written(row)) <= 30
            assert listops.evaluate(written(row)) == label
            seen.add(row.tobytes())
    assert len(seen) == 100
    assert task.splits() == ("val", "test")


def test_held_out_rows_stay_when_there_is_more_to_train_on() -> None:
    few, many, other = made(), made(training=200), made(seed=1)
    for split in ("val", "test"):
        np.testing.assert_array_equal(few.rows(split, 0).inputs, many.rows(split, 0).inputs)
        assert not np.array_equal(few.rows(split, 0).inputs, other.rows(split, 0).inputs)


def test_a_batch_is_symbols_and_depends_on_its_arguments_alone() -> None:
    task, other = made(), made()
    for step in (5, 0, 3):
        a, b = task.batch(1, step, 8), other.batch(1, step, 8)
        assert a.tensors["inputs"].equal(b.tensors["inputs"])
        assert a.tensors["inputs"].dtype == torch.int64
        assert (a.scored, a.tokens) == (8, 8 * 30)


class Knowing(nn.Module):
    """Evaluates each expression, and is sure of its value with the given probability."""

    def __init__(self, surely: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.surely = surely

    def forward(self, tokens: Tensor) -> Tensor:
        values = torch.tensor([listops.evaluate(written(row)) for row in tokens.numpy()])
        others = (1 - self.surely) / 9
        return nn.functional.one_hot(values, 10).double().mul(self.surely - others).add(others).log() + self.weight


def test_one_who_evaluates_is_right_and_told_how_well_it_is_calibrated() -> None:
    found = made().evaluate(Knowing(0.6), "val")
    assert found["accuracy"] == 1.0
    assert found["calibration_error"] == pytest.approx(0.4)
    assert found["loss"] == pytest.approx(-np.log(0.6))


def test_blocks_are_kept_and_a_run_that_was_cut_off_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SEQLAB_CACHE", str(tmp_path))
    counts = {"train": 6000, "val": 20, "test": 20}
    first = expressions.made(3, 10, 60, counts)
    (folder,) = (cache_folder() / "listops").iterdir()
    blocks = sorted(folder.iterdir())
    assert len(blocks) >= 2
    kept, gone = blocks[0].stat().st_mtime_ns, blocks[1]
    gone.unlink()
    again = expressions.made(3, 10, 60, counts)
    assert blocks[0].stat().st_mtime_ns == kept
    assert gone.is_file()
    np.testing.assert_array_equal(first["train"].rows.symbols, again["train"].rows.symbols)
    gone.write_bytes(gone.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"is damaged .* delete it, and it is made again"):
        expressions.made(3, 10, 60, counts)


def test_expressions_that_do_not_turn_up() -> None:
    with pytest.raises(DataError, match=r"only 10 different expressions of 1 to 1 symbols turned up and 100 are asked"):
        made(shortest=1, longest=1)


OFFICIAL = "Source\tTarget\n( ( ( ( [MAX 2 ) 9 ) 4 ) ] )\t9\n( ( ( [SM 7 ) 5 ) ] )\t2\n"
OTHER = "Source\tTarget\n( ( ( [MIN 8 ) 3 ) ] )\t3\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("train", OFFICIAL), ("val", OTHER), ("test", OTHER.replace("8", "6"))):
        (tmp_path / f"basic_{name}.tsv").write_text(text)
    return tmp_path


def official(folder: Path, **fields: Any) -> PreparedListOps:
    return ListOps(**{"folder": str(folder), "edition": "own", "shortest": 1, "longest": 10, **fields}).prepare()


def test_official_files_are_read_as_they_are(folder: Path) -> None:
    task = official(folder)
    rows = task.rows("train", 0)
    words = [" ".join(listops.WORDS[symbol] for symbol in written(row)) for row in rows.inputs]
    assert words == ["[MAX 2 9 4 ]", "[SM 7 5 ]"]
    assert rows.labels.tolist() == [9, 2]
    assert set(task.fingerprints) == set(expressions.FILES.values())


def test_an_experiment_is_the_same_wherever_its_files_lie(folder: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    moved.mkdir()
    for file in folder.glob("*.tsv"):
        (moved / file.name).write_bytes(file.read_bytes())
    one, other = ListOps(folder=str(folder)), ListOps(folder=str(moved))
    assert id(one) == id(other) != id(ListOps())


def test_training_rows_that_are_held_out_are_left_out(folder: Path) -> None:
    held_out = OTHER.splitlines(keepends=True)[1]
    (folder / "basic_train.tsv").write_text(OFFICIAL + held_out)
    assert official(folder).rows("train", 0).labels.tolist() == [9, 2]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Source\tTarget\n( [MAX 2 ) ]", r"basic_train.tsv, line 2: it has 1 columns and needs 2"),
        (OFFICIAL + "( ( [MAX 2 ) ] )\t10\n", r"line 4: '10' is no label from 0 to 9"),
        (OFFICIAL + "( ( [MUL 2 ) ] )\t1\n", r"line 4: '\[MUL' is no word of ListOps"),
        ("Text\tLabel\n", r"line 1: the columns are called Text, Label and not Source, Target"),
        ("Source\tTarget\n", "holds no row"),
        ("", "is empty"),
    ],
)
def test_files_that_are_none(folder: Path, text: str, told: str) -> None:
    (folder / "basic_train.tsv").write_text(text)
    with pytest.raises(DataError, match=told):
        official(folder)


def test_a_file_of_another_number_of_rows(folder: Path) -> None:
    with pytest.raises(DataError, match=r"has 2 rows and the official file 96,000: it is cut off or of another"):
        official(folder, edition="lra")


def test_an_expression_that_is_too_long(folder: Path) -> None:
    with pytest.raises(DataError, match=r"an expression of 5 words and `task.longest` is 4; raise it"):
        official(folder, longest=4, shortest=1)


def test_lengths_that_contradict_each_other() -> None:
    with pytest.raises(SpecError, match=r"`task.length` is 20, below the 30 words"):
        made(length=20)
    with pytest.raises(SpecError, match=r"`task.shortest` is 31, above"):
        made(shortest=31)
