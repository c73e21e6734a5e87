"""Whether a model fits into the memory that there is, known before a weight is read."""

from __future__ import annotations

from collections.abc import Mapping

from seqlab.folders.shared.config import FolderError

__all__ = ["must_fit"]


def must_fit(title: str, needed: Mapping[str, int], dtype: str, available: int) -> None:
    """Raise FolderError where the weights need more than there is, with the widest dtype that fits. `needed`: bytes by
    dtype, the widest first."""
    if needed[dtype] <= available:
        return
    narrower = next((name for name, size in needed.items() if size <= min(available, needed[dtype])), None)
    advice = (
        f"{narrower} needs {_size(needed[narrower])}: --dtype {narrower}"
        if narrower is not None
        else f"not even {list(needed)[-1]} fits, with {_size(min(needed.values()))}"
    )
    raise FolderError(f"{title} needs {_size(needed[dtype])} in {dtype} and {_size(available)} are free; {advice}.")


def _size(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
