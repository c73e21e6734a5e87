"""An alignment into a file, whose ending says of which kind."""

from __future__ import annotations

import gzip
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqlab.data.alignments import text_of
from seqlab.data.alignments.reading import kind_of

__all__ = ["write_alignment"]


def write_alignment(path: Path, names: Sequence[str], letters: NDArray[np.integer]) -> None:
    """Write (N, L) letters: FASTA, a3m (no inserts), Stockholm, a table of numbers or a `.npy`; with .gz packed.

    Raises DataError for an ending that is not known.
    """
    kind = kind_of(str(path))
    if kind == "array":
        buffer = io.BytesIO()
        np.save(buffer, np.asarray(letters, np.uint8))
        data = buffer.getvalue()
    elif kind == "table":
        data = "".join(" ".join(map(str, row)) + "\n" for row in letters.tolist()).encode()
    elif kind == "stockholm":
        wide = max(map(len, names), default=0)
        rows = zip(names, text_of(letters), strict=True)
        data = "\n".join(["# STOCKHOLM 1.0", *(f"{name:<{wide}} {text}" for name, text in rows), "//\n"]).encode()
    else:
        data = "".join(f">{name}\n{text}\n" for name, text in zip(names, text_of(letters), strict=True)).encode()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
