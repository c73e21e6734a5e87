"""Images with labels as they are published: IDX files, CIFAR and ImageNet-32 batches, grouped arrays, data cards."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqlab.data import DataError, cache, idx
from seqlab.data.labelled import Labelled, first_of_each_class
from seqlab.data.pickles import read_batches
from seqlab.data.text import file_name, is_card, read_text

__all__ = ["ImageSource", "fingerprints", "read_images", "trained_on"]


@dataclass(frozen=True)
class ImageSource:
    """The published training and test images (N, channels, height, width) uint8, the bytes that are read, and what the
    files hash to."""

    train: Labelled
    test: Labelled
    fingerprints: dict[str, str]

    @property
    def classes(self) -> int:
        """Number of classes: labels count from 0."""
        return 1 + int(max(self.train.labels.max(), self.test.labels.max()))


@dataclass(frozen=True)
class _Layout:
    """How a published folder is laid out: the files of training, those of the test, and how they are read."""

    name: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    read: Callable[[list[Path]], Labelled]


def _idx_files(files: list[Path]) -> Labelled:
    arrays = [idx.single(_bytes(file), kind, str(file)) for kind, file in zip(idx.KINDS, files, strict=True)]
    return _of_idx(arrays, " and ".join(map(str, files)))


def _imagenet(files: list[Path]) -> Labelled:
    return read_batches(files, first_label=1)


_LAYOUTS = (
    _Layout(
        "MNIST",
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
        _idx_files,
    ),
    _Layout("CIFAR-10", tuple(f"data_batch_{number}" for number in range(1, 6)), ("test_batch",), read_batches),
    _Layout("CIFAR-100", ("train",), ("test",), read_batches),
    _Layout("ImageNet-32", tuple(f"train_data_batch_{number}" for number in range(1, 11)), ("val_data",), _imagenet),
)


def read_images(location: str) -> ImageSource:
    """Read `card:NAME`, a folder as it is published (MNIST, CIFAR-10, CIFAR-100, ImageNet-32), or an .npz of `train`
    and `test`, each (classes, rows, height, width, channels). Raises DataError in one sentence for what it is not."""
    if is_card(location):
        arrays = idx.parse(read_text(location, "images").data, location)
        source = ImageSource(_of_idx(arrays[:2], location), _of_idx(arrays[2:], location), fingerprints(location))
    elif location.endswith(".npz"):
        source = _grouped(location)
    else:
        layout, files = _found(Path(location).expanduser())
        train, test = (layout.read([files[name] for name in names]) for names in (layout.train, layout.test))
        source = ImageSource(train, test, fingerprints(location))
    for name, part in (("training", source.train), ("test", source.test)):
        if not len(part):
            raise DataError(f"{location} has no {name} images")
    if source.train.inputs.shape[1:] != source.test.inputs.shape[1:]:
        raise DataError(
            f"{location}: training images are {source.train.inputs.shape[1:]} and test images "
            f"{source.test.inputs.shape[1:]}; they are not of one data set"
        )
    return source


def trained_on(train: Labelled, validation: float, location: str) -> NDArray[np.bool_]:
    """(N,): whether an image is trained on; the others, the last of each class, are a share for validation. Raises
    DataError where that is none."""
    kept = first_of_each_class(train.labels, 1 - validation)
    if kept.all():
        raise DataError(
            f"{location} has no validation images: of the {np.bincount(train.labels).max():,} training images that a "
            f"class has at most, `task.validation={validation:g}` holds out none; ask for a larger share"
        )
    return kept


def fingerprints(location: str) -> dict[str, str]:
    """The SHA-256 of each file at a location."""
    if is_card(location):
        return {location: read_text(location, "images").sha256}
    if location.endswith(".npz"):
        return {file_name(location): cache.sha256(_bytes(_there(location)))}
    _, files = _found(Path(location).expanduser())
    return {name: cache.sha256(np.memmap(file, dtype=np.uint8, mode="r")) for name, file in files.items()}


def _found(folder: Path) -> tuple[_Layout, dict[str, Path]]:
    """The layout of a folder, and its files by the names they are published under (`.gz` may follow)."""
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}; give one as it is published, or card:NAME (seqlab data ls)")
    there = {path.name.removesuffix(".gz"): path for path in folder.iterdir() if path.is_file()}
    lacking = {layout: [name for name in (*layout.train, *layout.test) if name not in there] for layout in _LAYOUTS}
    layout = min(_LAYOUTS, key=lambda each: len(lacking[each]) / len((*each.train, *each.test)))
    if lacking[layout]:
        known = ", ".join(each.name for each in _LAYOUTS)
        raise DataError(
            f"{folder} holds no data set of images ({known}): for {layout.name} it lacks {', '.join(lacking[layout])}"
        )
    return layout, {name: there[name] for name in (*layout.train, *layout.test)}


def _bytes(file: Path) -> NDArray[np.uint8]:
    try:
        return np.frombuffer(
            gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes(), np.uint8
        )
    except (OSError, EOFError) as error:
        raise DataError(f"{file} cannot be read ({error}); fetch it again") from None


def _of_idx(arrays: list[NDArray[np.uint8]], place: str) -> Labelled:
    images, labels = (*arrays, None, None)[:2]
    if images is None or labels is None or images.ndim != 3 or labels.ndim != 1:
        shapes = " and ".join(str(array.shape) for array in arrays)
        raise DataError(f"{place} holds arrays {shapes}; images (N, height, width) and labels (N,) are needed")
    if len(images) != len(labels):
        raise DataError(f"{len(images):,} images and {len(labels):,} labels are in {place}; each image needs its label")
    plain = np.asarray(images)  # of a mapped file, whose own type makes every look slow
    return Labelled(plain[:, None], labels.astype(np.int64))


def _there(location: str) -> Path:
    path = Path(location).expanduser()
    if not path.is_file():
        raise DataError(f"there is no file {path}; give a folder as it is published, or card:NAME (seqlab data ls)")
    return path


def _grouped(location: str) -> ImageSource:
    try:
        with np.load(_there(location)) as held:
            train, test = (_of_groups(held[name]) for name in ("train", "test"))
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{location} needs arrays `train` and `test` of bytes (classes, rows, height, width, channels): {error}"
        ) from None
    return ImageSource(train, test, fingerprints(location))


def _of_groups(images: NDArray[np.uint8]) -> Labelled:
    classes, rows, *shape = images.shape
    if images.dtype != np.uint8 or len(shape) != 3:
        raise ValueError(f"it has {images.dtype} of shape {images.shape}")
    rows_first = images.reshape(classes * rows, *shape).transpose(0, 3, 1, 2)
    return Labelled(np.ascontiguousarray(rows_first), np.repeat(np.arange(classes), rows))
