"""Made data that is kept block by block, so that work that was cut off goes on where it was."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqlab.data import DataError, cache
from seqlab.places import cache_folder

__all__ = ["Arrays", "kept"]

Arrays = dict[str, NDArray[Any]]


def kept(kind: str, name: str, make: Callable[[], Arrays]) -> Arrays:
    """The arrays of the block `name` of a kind of data: out of the cache, else made and put there.

    Whoever comes to a block that is being made waits for it; where the cache cannot be written, it is made each time.
    Raises DataError for a damaged file.
    """
    path = cache_folder() / kind / f"{name}.npz"
    try:
        with cache.lock(kind):
            if not path.is_file():
                cache.write(path, _packed(make()))
    except cache.CacheUnwritable:
        return make()
    try:
        with path.open("rb") as file, np.load(file) as held:
            return {key: held[key] for key in held.files}
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is damaged ({error}); delete it, and it is made again") from None


def _packed(arrays: Arrays) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]  # numpy's stubs take each name for `allow_pickle`
    return file.getvalue()
