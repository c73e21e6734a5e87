"""Published files of images: every layout is read as it was written, and what is damaged is refused in a sentence."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_files import batch, drawn, mnist, pickled, sliced

from seqlab.data import DataError, idx
from seqlab.data.images import ImageSource, read_images
from seqlab.data.labelled import Labelled, floors
from seqlab.tasks.autoencode import Autoencode
from seqlab.tasks.images import Images

GREY = drawn(40, 4), drawn(12, 4, seed=1)
COLOUR = drawn(40, 4, (3, 4, 4)), drawn(12, 4, (3, 4, 4), seed=1)


def same(found: Labelled, due: Labelled) -> None:
    np.testing.assert_array_equal(found.inputs, due.inputs)
    np.testing.assert_array_equal(found.labels, due.labels)
    assert found.inputs.dtype == np.uint8
    assert found.labels.dtype == np.int64


def read(source: Path, train: Labelled, test: Labelled) -> ImageSource:
    found = read_images(str(source))
    same(found.train, train)
    same(found.test, test)
    assert found.classes == 4
    return found


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_idx(tmp_path: Path, ending: str) -> None:
    assert len(read(mnist(tmp_path / "mnist", *GREY, ending), *GREY).fingerprints) == 4


def test_cifar_10(tmp_path: Path) -> None:
    for number in range(5):
        pickled(tmp_path / f"data_batch_{number + 1}", batch(sliced(COLOUR[0], 8 * number, 8 * number + 8)))
    pickled(tmp_path / "test_batch", batch(COLOUR[1]))
    assert len(read(tmp_path, *COLOUR).fingerprints) == 6


def test_cifar_100_has_the_fine_labels(tmp_path: Path) -> None:
    for name, part in zip(("train", "test"), COLOUR, strict=True):
        pickled(tmp_path / name, batch(part, b"fine_labels") | {b"coarse_labels": [0] * len(part)})
    read(tmp_path, *COLOUR)


def test_imagenet_32_counts_from_one(tmp_path: Path) -> None:
    for number in range(10):
        part = sliced(COLOUR[0], 4 * number, 4 * number + 4)
        pickled(tmp_path / f"train_data_batch_{number + 1}", batch(part, first=1))
    pickled(tmp_path / "val_data", batch(COLOUR[1], first=1))
    read(tmp_path, *COLOUR)


def test_grouped_arrays(tmp_path: Path) -> None:
    groups = {name: np.arange(4 * rows * 60).reshape(4, rows, 5, 4, 3).astype(np.uint8) for name, rows in SIZES}
    np.savez(tmp_path / "groups.npz", **groups)
    found = read_images(str(tmp_path / "groups.npz"))
    assert found.train.inputs.shape == (28, 3, 5, 4)
    np.testing.assert_array_equal(found.train.inputs[7 + 2], groups["train"][1, 2].transpose(2, 0, 1))
    assert found.test.labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


SIZES = (("train", 7), ("test", 2))


def test_the_shipped_card() -> None:
    found = read_images("card:fashion-small")
    assert (found.train.inputs.shape, found.test.inputs.shape, found.classes) == (
        (4000, 1, 14, 14),
        (1000, 1, 14, 14),
        10,
    )
    assert floors(found.train, found.test, 10)["nearest_mean"]["accuracy"] == pytest.approx(0.67, abs=0.03)


class Runs:
    """Unpickled, it would run a command."""

    def __reduce__(self) -> Any:
        return os.system, ("exit 1",)


@pytest.mark.parametrize(
    ("held", "told"),
    [
        ({b"data": Runs()}, "it asks for posix.system"),
        ({b"data": np.zeros((3, 48), np.uint8)}, "it lacks them"),
        (batch(sliced(COLOUR[1], 0, 3)) | {b"labels": [1]}, r"uint8 images of shape \(3, 48\) and 1 labels"),
        ({b"data": np.zeros((3, 47), np.uint8), b"labels": [0, 1, 2]}, r"shape \(3, 47\)"),
        ({b"data": np.zeros((3, 48)), b"labels": [0, 1, 2]}, "float64 images"),
    ],
)
def test_a_pickle_that_is_no_batch(tmp_path: Path, held: dict[bytes, Any], told: str) -> None:
    for name, part in (("train", held), ("test", batch(COLOUR[1]))):
        pickled(tmp_path / name, part)
    with pytest.raises(DataError, match=told):
        read_images(str(tmp_path))


def test_files_that_are_cut_off(tmp_path: Path) -> None:
    folder = mnist(tmp_path / "mnist", *GREY)
    whole = (folder / "train-images-idx3-ubyte").read_bytes()
    (folder / "train-images-idx3-ubyte").write_bytes(whole[:-1])
    with pytest.raises(
        DataError, match=rf"train-images-idx3-ubyte is cut off: it has {len(whole) - 1} bytes of {len(whole)}"
    ):
        read_images(str(folder))
    (folder / "train-images-idx3-ubyte").write_bytes(b"PK" + whole[2:])
    with pytest.raises(DataError, match="is no IDX file of images"):
        read_images(str(folder))
    pickled(tmp_path / "cifar" / "train", batch(COLOUR[0]))
    (tmp_path / "cifar" / "test").write_bytes((tmp_path / "cifar" / "train").read_bytes()[:100])
    with pytest.raises(DataError, match="test is no batch of images and labels"):
        read_images(str(tmp_path / "cifar"))


@pytest.mark.parametrize(
    ("name", "changed", "told"),
    [
        (
            "train-images-idx3-ubyte",
            {0: 2052},
            "of images: its magic number is 2052 (hex 00000804), and theirs is 2051",
        ),
        ("t10k-images-idx3-ubyte", {0: 2049}, "of images: its magic number is 2049 (hex 00000801), and theirs is 2051"),
        ("t10k-labels-idx1-ubyte", {0: 2051}, "of labels: its magic number is 2051 (hex 00000803), and theirs is 2049"),
        ("train-images-idx3-ubyte", {1: 39}, "has 39 images, which end at byte 952, and goes on to byte 976"),
        ("train-images-idx3-ubyte", {1: 41}, "is cut off: it has 976 bytes of 1,000"),
        ("train-labels-idx1-ubyte", {1: 39}, "has 39 labels, which end at byte 47, and goes on to byte 48"),
    ],
)
def test_a_header_that_is_wrong(tmp_path: Path, name: str, changed: dict[int, int], told: str) -> None:
    folder = mnist(tmp_path / "mnist", *GREY)
    whole = bytearray((folder / name).read_bytes())
    for place, number in changed.items():
        whole[4 * place : 4 * place + 4] = number.to_bytes(4)
    (folder / name).write_bytes(whole)
    with pytest.raises(DataError, match=f"{name}.*{re.escape(told)}"):
        read_images(str(folder))


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
@pytest.mark.parametrize(("held", "told"), [(b"", "is empty"), (b"\0\0", "is no IDX file of bytes")])
def test_a_file_without_a_header(tmp_path: Path, name: str, held: bytes, told: str) -> None:
    folder = mnist(tmp_path / "mnist", *GREY)
    (folder / name).write_bytes(held)
    with pytest.raises(DataError, match=f"{name} {told}"):
        read_images(str(folder))


def test_images_and_labels_are_counted(tmp_path: Path) -> None:
    folder = mnist(tmp_path / "mnist", *GREY)
    (folder / "train-labels-idx1-ubyte").write_bytes(idx.written(np.zeros(39, np.uint8)))
    with pytest.raises(DataError, match=r"40 images and 39 labels are in .*train-images.* and .*train-labels"):
        read_images(str(folder))
    none = Labelled(np.zeros((0, 1, 6, 4), np.uint8), np.zeros(0, np.int64))
    with pytest.raises(DataError, match="has no test images"):
        read_images(str(mnist(tmp_path / "none", GREY[0], none)))


@pytest.mark.parametrize("task", [Autoencode, Images])
def test_too_few_images_for_validation(tmp_path: Path, task: type[Autoencode | Images]) -> None:
    folder = mnist(tmp_path / "mnist", drawn(24, 4), drawn(12, 4))
    with pytest.raises(DataError, match=r"no validation images: of the 6 .* `task.validation=0.1` holds out none"):
        task(path=str(folder)).prepare()
    task(path=str(folder), validation=0.2).prepare()


def test_what_is_not_there_or_does_not_fit(tmp_path: Path) -> None:
    folder = mnist(tmp_path / "mnist", GREY[0], drawn(5, 4, (1, 6, 6)))
    with pytest.raises(DataError, match=re.escape("training images are (1, 6, 4) and test images (1, 6, 6)")):
        read_images(str(folder))
    (folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="for MNIST it lacks t10k-labels-idx1-ubyte"):
        read_images(str(folder))
    with pytest.raises(DataError, match="there is no folder"):
        read_images(str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="there is no file"):
        read_images(str(tmp_path / "nowhere.npz"))
    (tmp_path / "other.npz").write_bytes(b"no archive")
    with pytest.raises(DataError, match="needs arrays `train` and `test`"):
        read_images(str(tmp_path / "other.npz"))
    with pytest.raises(DataError, match="card:sotu is of the kind text, but images is needed here"):
        read_images("card:sotu")


def test_idx_arrays_follow_one_another() -> None:
    arrays = [np.arange(12, dtype=np.uint8).reshape(3, 4), np.zeros((0, 5), np.uint8), np.arange(7, dtype=np.uint8)]
    data = np.frombuffer(b"".join(map(idx.written, arrays)), np.uint8)
    for found, due in zip(idx.parse(data, "three"), arrays, strict=True):
        np.testing.assert_array_equal(found, due)
