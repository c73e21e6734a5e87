"""Pathfinder as a task: made images, the cache, official folders, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from png_files import written
from seqlab.data import DataError, contours
from seqlab.data.progress import listening
from seqlab.places import cache_folder
from seqlab.spec import id
from seqlab.tasks.pathfinder import Pathfinder, PreparedPathfinder

SMALL = {"training": 40, "validation": 20, "test": 20}


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SEQLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(contours.BLOCK, 32, 50)


def made(**fields: Any) -> PreparedPathfinder:
    return Pathfinder(**{**SMALL, **fields}).prepare()


def test_splits_are_balanced_images_and_held_out_ones_stay_when_there_is_more_to_train_on() -> None:
    few, many, other = made(), made(training=60), made(seed=1)
    assert few.splits() == ("val", "test")
    for split, count in (("train", 40), ("val", 20), ("test", 20)):
        rows = few.rows(split, 0)
        assert (rows.inputs.shape, rows.inputs.dtype) == ((count, 1, 32, 32), np.uint8)
        assert np.bincount(rows.labels).tolist() == [count // 2, count // 2]
        np.testing.assert_array_equal(rows.inputs, many.rows(split, 0).inputs[:count])
        assert not np.array_equal(rows.inputs, other.rows(split, 0).inputs)
    assert len({row.tobytes() for split in ("train", "val", "test") for row in few.rows(split, 0).inputs}) == 80


def test_images_of_another_level_are_others() -> None:
    hard, easy = made(), made(contour=6)
    assert not np.array_equal(easy.rows("val", 0).inputs, hard.rows("val", 0).inputs)
    np.testing.assert_array_equal(made(contour=14).rows("val", 0).inputs, hard.rows("val", 0).inputs)


def test_a_batch_is_numbers_from_0_to_1() -> None:
    batch = made().batch(0, 0, 8)
    assert batch.tensors["inputs"].dtype == torch.float32
    assert batch.tensors["inputs"].shape == (8, 1, 32, 32)
    assert batch.tensors["inputs"].max() == 1.0
    assert (batch.scored, batch.tokens) == (8, 8)


def test_floors_are_chance_and_the_majority() -> None:
    floors = made().floors()
    assert set(floors) == {"chance", "majority"}
    assert floors["majority"]["accuracy"] == floors["chance"]["accuracy"] == 0.5


def test_path_x_is_made_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(contours.BLOCK, 128, 6)
    task = made(size=128, training=2, validation=2, test=2)
    assert task.signature.shape == task.rows("val", 0).inputs.shape[1:] == (1, 128, 128)


def test_work_that_was_cut_off_loses_one_block_at_most_and_tells_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[float] = []
    draw = contours.pathfinder.draw
    drawn = 0

    def dying(*given: Any) -> Any:
        nonlocal drawn
        drawn += 1
        if drawn == 70:
            raise KeyboardInterrupt
        return draw(*given)

    monkeypatch.setattr(contours.pathfinder, "draw", dying)
    with pytest.raises(KeyboardInterrupt):
        made()
    folder = cache_folder() / "pathfinder" / "1-32"
    assert [file.name for file in folder.iterdir()] == ["0-0.npz"]
    with listening(lambda what, share: told.append(share)):
        again = made()
    assert drawn == 70 + 50
    assert told == [50 / 80, 1.0]
    monkeypatch.setenv("SEQLAB_CACHE", str(folder / "elsewhere"))
    np.testing.assert_array_equal(again.rows("train", 0).inputs, made().rows("train", 0).inputs)


def test_a_damaged_block_is_refused() -> None:
    made()
    block = cache_folder() / "pathfinder" / "1-32" / "0-1.npz"
    block.write_bytes(block.read_bytes()[:500])
    with pytest.raises(DataError, match=r"0-1\.npz is damaged .* delete it, and it is made again"):
        made()


IMAGES = np.random.default_rng(0).integers(0, 256, (20, 32, 32), dtype=np.uint8)
LABELS = np.arange(20) % 2


def official(folder: Path, *, as_array: bool = False) -> Path:
    """A folder as it is published: two metadata files, of 10 images each."""
    (folder / "metadata").mkdir(parents=True)
    for number in (2, 10):
        (folder / "imgs" / str(number)).mkdir(parents=True)
        places = range(10) if number == 2 else range(10, 20)
        rows = [[f"imgs/{number}", f"sample_{place}.png", str(place), str(LABELS[place]), "1.8"] for place in places]
        for place in places:
            (folder / f"imgs/{number}/sample_{place}.png").write_bytes(written(IMAGES[place], (0, 1, 2)))
        metadata = folder / "metadata" / f"{number}.npy"
        if as_array:
            np.save(metadata, np.array(rows))
        else:
            metadata.write_text("".join(" ".join(row) + "\n" for row in rows))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return official(tmp_path / "curv_contour_length_14")


def read(folder: Path, **fields: Any) -> PreparedPathfinder:
    return Pathfinder(**{"folder": str(folder), "edition": "own", **fields}).prepare()


@pytest.mark.parametrize("as_array", [False, True])
def test_an_official_folder_is_read_in_the_order_of_its_numbers(tmp_path: Path, as_array: bool) -> None:
    place = official(tmp_path / "curv_baseline", as_array=as_array)
    for _ in range(2):  # decoded, and out of the cache
        task = read(place)
        for split, part in (("train", slice(16)), ("val", slice(16, 18)), ("test", slice(18, 20))):
            np.testing.assert_array_equal(task.rows(split, 0).inputs[:, 0], IMAGES[part])
            np.testing.assert_array_equal(task.rows(split, 0).labels, LABELS[part])
    assert set(task.fingerprints) == {"2.npy", "10.npy"}


def test_what_was_decoded_is_not_taken_for_other_images(folder: Path) -> None:
    before = read(folder)
    (folder / "imgs/2/sample_0.png").write_bytes(written(IMAGES[1]))
    after = read(folder)
    np.testing.assert_array_equal(after.rows("train", 0).inputs[0, 0], IMAGES[1])
    assert before.fingerprints["2.npy"] != after.fingerprints["2.npy"]


def test_the_image_that_the_archive_holds_empty_is_left_out(tmp_path: Path) -> None:
    place = official(tmp_path / "curv_baseline")
    (place / "imgs/0").mkdir()
    (place / "imgs/0/sample_172.png").touch()
    (place / "metadata/0.npy").write_text("imgs/0 sample_172.png 172 1\nimgs/2 sample_0.png 0 0\n")
    assert len(read(place).rows("train", 0)) == int(0.8 * 21)


def test_an_experiment_is_the_same_wherever_its_files_lie(folder: Path, tmp_path: Path) -> None:
    moved = official(tmp_path / "moved")
    assert id(Pathfinder(folder=str(folder))) == id(Pathfinder(folder=str(moved))) != id(Pathfinder())


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("metadata/2.npy", b"imgs/2 sample_0.png 0 2\n", r"2\.npy, line 1: '2' is no label from 0 to 1"),
        ("metadata/2.npy", b"imgs/2 sample_0.png 0\n", r"2\.npy, line 1: it has 3 words and needs at least 4"),
        ("metadata/2.npy", b"", r"2\.npy names no image"),
        ("metadata/2.npy", b"\x93NUMPY", r"2\.npy is no array of words"),
        ("metadata/2.npy", b"imgs/2 other.png 0 1\n", r"imgs/2/other\.png cannot be read \(No such file"),
        ("imgs/2/sample_3.png", b"", r"sample_3\.png is no grey PNG image, or is damaged"),
        ("imgs/2/sample_3.png", written(IMAGES[0, :16]), r"sample_3\.png has 16 x 32 pixels and `task.size` is 32"),
    ],
)
def test_files_that_are_none(folder: Path, name: str, content: bytes, told: str) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(DataError, match=told):
        read(folder)


def test_folders_that_are_none(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no metadata/\*\.npy; give the folder of a difficulty"):
        read(tmp_path)
    with pytest.raises(DataError, match=r"has 20 rows and the official file 200,000"):
        read(folder, edition="lra")
