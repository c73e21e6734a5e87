"""Arrays too long for the memory, written to the cache piece by piece and mapped from there."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from seqlab.data import DataError, cache

__all__ = ["kept"]


def kept(path: Path, dtype: np.dtype[Any], pieces: Callable[[], Iterable[np.ndarray]]) -> np.ndarray:
    """The array (n,) at `path` in the cache, mapped; made of its pieces, one after the other, where it is not there.

    The file appears when it is whole, and two processes make it once. Where the cache cannot be written the array is
    in memory. Raises DataError for a file there that is damaged.
    """
    if not path.is_file():
        try:
            with cache.lock(path.name):
                if not path.is_file():
                    _make(path, dtype, pieces())
        except cache.CacheUnwritable:
            return np.concatenate([np.empty(0, dtype), *pieces()])
    try:
        found: np.ndarray = np.load(path, mmap_mode="r")
    except ValueError as error:
        raise DataError(f"{path} is damaged ({error}); delete it, and it is made again") from error
    return found


def _make(path: Path, dtype: np.dtype[Any], pieces: Iterable[np.ndarray]) -> None:
    with cache.workspace(beside=path) as temporary:
        partial = temporary / path.name
        with partial.open("wb") as file:
            _header(file, dtype, 0)
            count = 0
            for piece in pieces:
                with cache.writable(path):
                    file.write(cache.buffer(piece.astype(dtype, copy=False)))
                count += len(piece)
            file.seek(0)
            _header(
                file, dtype, count
            )  # numpy leaves room for the digits of the first axis, so it is as long as before
        cache.adopt(partial, path)


def _header(file: BinaryIO, dtype: np.dtype[Any], count: int) -> None:
    described = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (count,)}
    np.lib.format.write_array_header_1_0(file, described)
