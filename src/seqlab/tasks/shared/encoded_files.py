"""The public files of InvMSAFold, opened without running what they may hold (arXiv 2406.11975)."""

from __future__ import annotations

import codecs
import hashlib
import pickle
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seqlab.data import DataError

__all__ = ["content_hash", "read_encodings", "read_letters", "read_superfamilies"]

_ALLOWED: list[Any] = [
    np.ndarray,
    np.dtype,
    np.dtypes.Float32DType,
    codecs.encode,
    (np._core.multiarray._reconstruct, "numpy.core.multiarray._reconstruct"),
    (np._core.multiarray._reconstruct, "numpy._core.multiarray._reconstruct"),
]
"""All that a pickled array of float32 calls, under numpy 1's name and numpy 2's."""


def content_hash(path: Path) -> str:
    """SHA-256 of a file, read once as long as it does not change."""
    told = path.stat()
    return _digest(path, told.st_size, told.st_mtime_ns)


@cache
def _digest(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_encodings(path: Path) -> NDArray[np.float32]:
    """`NAME.encodings.pt`, {"encodings": (N, F) float32, "seq": N letters}. Raises DataError."""
    found = _opened(path)
    encodings = found.get("encodings") if isinstance(found, dict) else None
    if isinstance(encodings, torch.Tensor):
        encodings = encodings.float().numpy()
    if not isinstance(encodings, np.ndarray) or encodings.ndim != 2:
        raise DataError(f"{path} holds no (residues, features) under `encodings`; it is not one of the public files.")
    letters = found.get("seq", "")
    if letters and len(letters) != len(encodings):
        raise DataError(f"{path} has {len(encodings)} encodings and a sequence of {len(letters)} residues.")
    return encodings.astype(np.float32, copy=False)


def read_letters(path: Path) -> NDArray[np.uint8]:
    """`NAME....a3m.pt`, a tensor (M, N) of letters 0 to 20. Raises DataError, for an empty one too."""
    found = _opened(path)
    if not isinstance(found, torch.Tensor) or found.ndim != 2 or found.is_floating_point():
        raise DataError(f"{path} holds no tensor of (sequences, columns) of whole numbers.")
    if not found.numel():
        raise DataError(f"{path} is empty: {found.shape[0]:,} sequences of {found.shape[1]:,} columns.")
    letters: NDArray[np.uint8] = found.to(torch.uint8).numpy()
    return letters


def read_superfamilies(path: Path) -> dict[str, str]:
    """`summary.txt`: a domain, a tab, its superfamily and more, a line each; {} where the file is not there."""
    if not path.is_file():
        return {}
    found = {}
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        words = line.split("\t")
        if len(words) < 2:
            raise DataError(f"{path}, line {number}: a domain and its superfamily are needed, with a tab between them")
        found[words[0]] = words[1]
    return found


def _opened(path: Path) -> Any:
    try:
        with torch.serialization.safe_globals(_ALLOWED):
            return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"{path} cannot be opened safely, or is cut off: {reason}") from error
