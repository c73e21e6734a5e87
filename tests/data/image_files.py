"""Small data sets of images, written as they are published."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from seqlab.data import idx
from seqlab.data.labelled import Labelled


def drawn(count: int, classes: int, shape: tuple[int, ...] = (1, 6, 4), seed: int = 0) -> Labelled:
    """Random images whose first pixel is their label."""
    draw = np.random.default_rng(seed)
    labels = draw.permutation(np.arange(count) % classes)
    images = draw.integers(0, 256, (count, *shape), dtype=np.uint8)
    images.reshape(count, -1)[:, 0] = labels
    return Labelled(images, labels)


def mnist(folder: Path, train: Labelled, test: Labelled, ending: str = "") -> Path:
    """Four IDX files, each packed where they end in `.gz`."""
    folder.mkdir(exist_ok=True)
    pack = gzip.compress if ending else bytes
    for prefix, part in (("train", train), ("t10k", test)):
        images, labels = part.inputs[:, 0], part.labels.astype(np.uint8)
        (folder / f"{prefix}-images-idx3-ubyte{ending}").write_bytes(pack(idx.written(images)))
        (folder / f"{prefix}-labels-idx1-ubyte{ending}").write_bytes(pack(idx.written(labels)))
    return folder


def pickled(path: Path, held: dict[Any, Any]) -> None:
    """A batch as Python 2 pickled it: protocol 2, words as bytes."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(pickle.dumps(held, protocol=2))


def batch(part: Labelled, name: bytes = b"labels", first: int = 0) -> dict[bytes, Any]:
    """What a file of CIFAR or ImageNet-32 holds."""
    return {b"data": part.inputs.reshape(len(part), -1), name: (part.labels + first).tolist(), b"batch_label": b"x"}


def sliced(part: Labelled, start: int, stop: int) -> Labelled:
    """Some of the rows."""
    return Labelled(part.inputs[start:stop], part.labels[start:stop])
