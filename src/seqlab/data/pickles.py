"""The pickled batches of CIFAR and of downsampled ImageNet, read without running what a pickle could ask for."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from seqlab.data import DataError
from seqlab.data.labelled import Labelled

__all__ = ["read_batches"]

ARRAYS = {
    ("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode"),
    ("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct"),
}  # fmt: skip
"""All that a pickle of arrays, numbers and words asks for."""
LABELS = (b"fine_labels", "fine_labels", b"labels", "labels")
"""What the labels are called, the finest first."""


class _Arrays(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ARRAYS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module, name)


def read_batches(files: list[Path], first_label: int = 0) -> Labelled:
    """Images of 3 x S x S from batches whose `data` is (N, 3 S S), channel by channel, and whose labels begin at
    `first_label`. Raises DataError for a file that is cut off or holds something else."""
    batches = [_batch(file) for file in files]
    data = np.concatenate([images for images, _ in batches])
    size = round((data.shape[1] / 3) ** 0.5)
    labels = np.concatenate([labels for _, labels in batches]) - first_label
    return Labelled(data.reshape(len(data), 3, size, size), labels)


def _batch(file: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        with file.open("rb") as stream:
            held = _Arrays(stream, encoding="bytes").load()
        images = np.asarray(held[b"data"] if b"data" in held else held["data"])
        labels = np.asarray(next(held[name] for name in LABELS if name in held), dtype=np.int64)
    except (pickle.UnpicklingError, EOFError, KeyError, StopIteration, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"{file} is no batch of images and labels ({str(error) or 'it lacks them'}); fetch it again"
        ) from None
    side = round((images.shape[-1] / 3) ** 0.5)
    if images.dtype != np.uint8 or images.ndim != 2 or 3 * side**2 != images.shape[1] or len(images) != len(labels):
        raise DataError(
            f"{file} holds {images.dtype} images of shape {images.shape} and {len(labels):,} labels; bytes of shape "
            "(N, 3 S S) and N labels are needed"
        )
    return images, labels
