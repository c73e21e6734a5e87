"""A file of safetensors: the tensors it says it has, and their rows, mapped from disk and forgotten again."""

from __future__ import annotations

import json
import math
import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seqlab.folders.shared.config import FolderError

__all__ = ["Stored", "stored_in"]

PIECE_BYTES = 32 * 2**20
DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
DTYPES |= {"I8": torch.int8, "U8": torch.uint8}


@dataclass(frozen=True)
class Stored:
    """A tensor that fills a file from the byte `begin` to `end`."""

    file: Path
    dtype: torch.dtype
    shape: tuple[int, ...]
    begin: int
    end: int

    @property
    def nbytes(self) -> int:
        return self.end - self.begin

    def pieces(self) -> Iterator[tuple[int, Tensor]]:
        """The tensor in pieces of about `PIECE_BYTES`, the first row of each and its rows (R, ...). A piece lies in the
        mapped file, and its memory is given back when the next one is asked for."""
        rows = self.shape[0]
        row_bytes = self.nbytes // rows
        step = max(1, PIECE_BYTES // row_bytes)
        with self.file.open("rb") as opened:
            mapped = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY)
        for first in range(0, rows, step):
            begin, end = (self.begin + min(row, rows) * row_bytes for row in (first, first + step))
            count = (end - begin) // self.dtype.itemsize
            yield first, torch.frombuffer(mapped, dtype=self.dtype, count=count, offset=begin).view(-1, *self.shape[1:])
            whole_pages = begin - begin % mmap.PAGESIZE
            mapped.madvise(mmap.MADV_DONTNEED, whole_pages, end - whole_pages)


def stored_in(file: Path) -> dict[str, Stored]:
    """The tensors of a file by name. Raises FolderError where it is cut off or no file of safetensors."""
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            size = file.stat().st_size
            if size < 8 + length:
                raise FolderError(f"{file} is cut off, or no file of safetensors; get it again.")
            header = json.loads(opened.read(length))
        header.pop("__metadata__", None)
        found = {name: _stored(file, name, told, 8 + length) for name, told in header.items()}
    except OSError as error:
        raise FolderError(f"{file} cannot be read: {error.strerror}.") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        if isinstance(error, FolderError):
            raise
        raise FolderError(f"{file} is no file of safetensors; get it again.") from error
    end = max((tensor.end for tensor in found.values()), default=8 + length)
    if size != end:
        raise FolderError(f"{file} is cut off or damaged: it must have {end:,} bytes and has {size:,}; get it again.")
    return found


def _stored(file: Path, name: str, told: Mapping[str, Any], data: int) -> Stored:
    dtype = DTYPES.get(told["dtype"])
    if dtype is None:
        raise FolderError(f"`{name}` in {file} is {told['dtype']}; seqlab reads {', '.join(DTYPES)}.")
    shape, (begin, end) = tuple(told["shape"]), told["data_offsets"]
    if math.prod(shape) * dtype.itemsize != end - begin or 0 in shape or not shape:
        raise FolderError(f"`{name}` in {file} is {shape} and has {end - begin} bytes: the file is damaged.")
    return Stored(file, dtype, shape, data + begin, data + end)
