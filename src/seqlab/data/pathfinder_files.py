"""Pathfinder as the Long Range Arena publishes it: PNG images, and metadata that names them with their labels."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from seqlab.data import DataError, png, progress
from seqlab.data.blocks import Arrays, kept
from seqlab.data.cache import sha256
from seqlab.data.contours import split
from seqlab.data.labelled import Labelled
from seqlab.data.tables import check_count, whole_number

__all__ = ["COUNT", "metadata_hashes", "official"]

DECODED_AS = 1
"""Goes up when the reader changes, so that no block of an older one is taken."""
COUNT = 200_000
"""Images of an official folder (google-research/long-range-arena, lra_release)."""
EMPTY = Path("curv_baseline/imgs/0/sample_172.png")
"""An image of the official archive that holds nothing; it is left out."""


def official(folder: Path, size: int, *, counted: bool) -> tuple[dict[str, Labelled], dict[str, str]]:
    """The splits of a folder of a difficulty (its imgs/ and metadata/), and what each metadata file hashes to together
    with its images. The first 80 % train, the next 10 % are validation, in the order of the files, as published.

    Raises DataError for images that are not grey PNGs of that size, and where `counted` for another number of them.
    """
    files = _metadata(folder)
    entries = {file: _entries(file) for file in files}
    total = sum(map(len, entries.values()))
    check_count(folder, total + (EMPTY.parts[0] == folder.name), COUNT if counted else None)
    parts, hashes = [], {}
    for file in progress.told("reading Pathfinder images", files, lambda file: len(entries[file]), total):
        part, hashes[file.name] = _read(folder, entries[file], size)
        parts.append(part)
    whole = Labelled(np.concatenate([part.inputs for part in parts]), np.concatenate([part.labels for part in parts]))
    train, val = int(0.8 * total), int(0.1 * total)
    return split(whole, {"train": train, "val": val, "test": total - train - val}), hashes


def metadata_hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of each metadata file, without a look at the images."""
    return {file.name: sha256(file.read_bytes()) for file in _metadata(folder)}


def _metadata(folder: Path) -> list[Path]:
    """The metadata files in the order of their numbers."""
    files = sorted((folder / "metadata").glob("*.npy"), key=lambda file: (len(file.stem), file.stem))
    if not files:
        raise DataError(
            f"{folder} holds no metadata/*.npy; give the folder of a difficulty of the official archive, such as "
            "pathfinder32/curv_contour_length_14"
        )
    return files


def _entries(file: Path) -> list[tuple[Path, int]]:
    """Path and label of each image: lines of words, of which the first two are the path and the fourth the label; or an
    array of them, as the generator itself saves it."""
    data = file.read_bytes()
    if data.startswith(b"\x93NUMPY"):
        try:
            rows = [[str(word) for word in row] for row in np.load(io.BytesIO(data), allow_pickle=False)]
        except ValueError as error:
            raise DataError(f"{file} is no array of words ({error}); unpack the archive again") from None
    else:
        rows = [line.split() for line in data.decode(errors="replace").splitlines()]
    entries = []
    for line, row in enumerate(rows, 1):
        if len(row) < 4:
            raise DataError(f"{file}, line {line}: it has {len(row)} words and needs at least 4; it is cut off")
        path = Path(row[0], row[1])
        if Path(file.parent.parent.name, path) != EMPTY:
            entries.append((path, whole_number(row[3], 2, file, line)))
    if not entries:
        raise DataError(f"{file} names no image; unpack the archive again")
    return entries


def _read(folder: Path, entries: list[tuple[Path, int]], size: int) -> tuple[Labelled, str]:
    """The images of one metadata file, and their hash; decoded once, and kept under it."""
    try:
        files = {path: (folder / path).read_bytes() for path, _ in entries}
    except OSError as error:
        raise DataError(f"{error.filename} cannot be read ({error.strerror}); unpack the archive again") from None
    labels = np.array([label for _, label in entries], np.int64)
    found = sha256("".join([*map(sha256, files.values()), sha256(labels)]).encode())
    held = kept("pathfinder", f"official-{DECODED_AS}/{size}-{found}", lambda: _decoded(folder, files, size))
    return Labelled(held["images"][:, None], labels), found


def _decoded(folder: Path, files: dict[Path, bytes], size: int) -> Arrays:
    images = {path: png.grey(data, folder / path) for path, data in files.items()}
    for path, image in images.items():
        if image.shape != (size, size):
            raise DataError(
                f"{folder / path} has {image.shape[0]} x {image.shape[1]} pixels and `task.size` is {size}; set it to "
                "the size of the images"
            )
    return {"images": np.stack(list(images.values()))}
