"""Where seqlab keeps what can be made again. Imports nothing of seqlab: kernels, data and lab book all look here."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_folder", "compiled_folder", "is_writable"]


def cache_folder() -> Path:
    """The user's cache folder: SEQLAB_CACHE, else XDG_CACHE_HOME/seqlab, else ~/.cache/seqlab; it need not exist."""
    if chosen := os.environ.get("SEQLAB_CACHE"):
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "seqlab"


def compiled_folder() -> Path:
    """The folder of compiled kernels: SEQLAB_KERNELS, else `kernels` in the cache folder; it need not exist."""
    if chosen := os.environ.get("SEQLAB_KERNELS"):
        return Path(chosen).expanduser()
    return cache_folder() / "kernels"


def is_writable(folder: Path) -> bool:
    """Whether files can be made in a folder, or the folder itself where it does not exist yet."""
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
