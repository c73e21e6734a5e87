"""A pairwise model in a file: `.npz`, or the text of adabmDCA and CCMpred's kin, `J i j a b value` and `h i a value`.

In both, sites are the alignment's columns that were fitted, counted from 0; i < j; letters in text are written as
letters of ALPHABET; numbers in their place are refused, for programs count letters in different orders. In an `.npz`:
`fields` (L, q), `pairs` (L (L - 1) / 2, q, q) row by row of i < j, a of the first site and b of the second, `law`, and
`order`: which column each site is (numpy.triu_indices gives the pairs); where it is known, `columns` (L,) and `width`:
which columns of their alignment, of how many, were fitted. Text has these in comments, `# columns 0 2 3 of 5`.
"""

from __future__ import annotations

import gzip
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from seqlab.couplings.pairwise import Kept, Pairwise
from seqlab.data import DataError
from seqlab.data.alignments import ALPHABET

__all__ = ["ENDINGS", "known_ending", "load", "save"]

ENDINGS = (".npz", ".txt", ".txt.gz")


def save(path: Path, model: Pairwise) -> None:
    """Write a model; the ending says how. Raises DataError for another ending."""
    if path.name.endswith(".npz"):
        told: dict[str, Any] = {"law": np.str_(model.law), "order": model.order.astype(np.int64)}
        if model.kept is not None:
            told |= {"columns": model.kept.columns, "width": np.int64(model.kept.width)}
        with path.open("wb") as file:
            np.savez(file, fields=model.fields, pairs=model.pairs.astype(np.float32), **told)
        return
    known_ending(path)
    text = "".join(_lines(model)).encode()
    path.write_bytes(gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)


def load(path: Path) -> Pairwise:
    """Read a model. Raises DataError in one sentence for what is none, with the line."""
    known_ending(path)
    if not path.is_file():
        raise DataError(f"there is no file of couplings {path}; `seqlab fit` makes one")
    if path.suffix == ".npz":
        try:
            with np.load(path) as file:
                pairs = file["pairs"].astype(np.float64)
                kept = Kept(file["columns"], int(file["width"])) if "columns" in file else None
                return Pairwise(file["fields"], pairs, str(file["law"]), file["order"], kept)  # type: ignore[arg-type]
        except (KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
            raise DataError(f"{path} holds no couplings ({error}); it is cut off or of another program") from None
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    except (EOFError, OSError, zlib.error, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error}); it is cut off or of another program") from None
    return _read(path, text)


def known_ending(path: Path) -> None:
    """Raises DataError for an ending that says no kind of file."""
    if not path.name.endswith(ENDINGS):
        raise DataError(f"{path}: couplings are kept in {', '.join(ENDINGS)}; give it such an ending")


def _lines(model: Pairwise) -> list[str]:
    letters = ALPHABET[: model.fields.shape[1]]
    lines = [f"# law {model.law}\n", f"# order {' '.join(map(str, model.order))}\n"]
    if model.kept is not None:
        lines.append(f"# columns {' '.join(map(str, model.kept.columns))} of {model.kept.width}\n")
    sites = zip(*np.triu_indices(len(model.fields), 1), strict=True)
    for (first, second), block in zip(sites, model.pairs.tolist(), strict=True):
        for a, row in zip(letters, block, strict=True):
            lines += [f"J {first} {second} {a} {b} {value:.9g}\n" for b, value in zip(letters, row, strict=True)]
    for i, own in enumerate(model.fields.tolist()):
        lines += [f"h {i} {a} {value:.9g}\n" for a, value in zip(letters, own, strict=True)]
    return lines


def _read(path: Path, text: str) -> Pairwise:
    fields: dict[tuple[int, int], float] = {}
    pairs: dict[tuple[int, int, int, int], float] = {}
    law, order, kept = "joint", None, None
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        try:
            if words[:2] == ["#", "law"]:
                law = words[2]
            elif words[:2] == ["#", "order"]:
                order = np.array(words[2:], np.int64)
            elif words[:2] == ["#", "columns"]:
                kept = Kept(np.array(words[2:-2], np.int64), int(words[-1]))
            elif words[:1] == ["J"]:
                pairs[int(words[1]), int(words[2]), _letter(words[3]), _letter(words[4])] = float(words[5])
            elif words[:1] == ["h"]:
                fields[int(words[1]), _letter(words[2])] = float(words[3])
            elif words and words[0] != "#":
                raise ValueError
        except (ValueError, IndexError):
            raise DataError(
                f"{path}, line {number}: neither `J i j a b value` nor `h i a value` with letters a, b of {ALPHABET}"
            ) from None
    if not fields:
        raise DataError(f"{path} holds no fields (`h i a value`); it is cut off or of another program")
    length, size = (max(key[k] for key in fields) + 1 for k in (0, 1))
    h, blocks = np.zeros((length, size)), np.zeros((length, length, size, size))
    for (i, a), value in fields.items():
        h[i, a] = value
    for (i, j, a, b), value in pairs.items():
        if not 0 <= i < j < length or max(a, b) >= size:
            raise DataError(f"{path}: J {i} {j} has no place: i < j < {length} and {size} letters are needed")
        blocks[i, j, a, b] = value
    order = np.arange(length) if order is None else order
    return Pairwise(h, blocks[np.triu_indices(length, 1)], law, order, kept)  # type: ignore[arg-type]


def _letter(word: str) -> int:
    """Raises ValueError for what is no letter."""
    return ALPHABET.index(word)
