"""The code that a finding was made with, as hashes: seqlab's own files, and those of a user that are loaded."""

from __future__ import annotations

import functools
import hashlib
import sys
import sysconfig
import time
from pathlib import Path

import seqlab
from seqlab.journal.clock import process_age
from seqlab.spec import Part

__all__ = ["has_source", "of_seqlab", "of_user"]

SEQLAB = Path(str(seqlab.__file__)).parent
OF_NOBODY = tuple({str(SEQLAB), *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))})
"""Folders of code that is hashed as a whole (seqlab), or that has a version (Python, installed packages)."""
INSTALLED = {"site-packages", "dist-packages"}
COMMANDS = {
    Path(sysconfig.get_path("scripts", scheme), "seqlab").resolve()
    for scheme in (sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme("user"))
}
"""The installed `seqlab` itself, of an environment or of one user, which is no more that user's code than
`python -m seqlab.sweeps.worker`: what a sweep's rehearsal has measured, its workers cite."""
NAMED_BY_CONTENT = "seqlab_file_"
"""How the modules of recipe files begin, which are loaded once for each content."""


@functools.cache
def of_seqlab() -> str:
    """A hash of this program's own files."""
    digest = hashlib.sha256()
    for path in sorted(SEQLAB.rglob("*.py")):
        if path.relative_to(SEQLAB).parts[0] not in ("cli", "bench", "web"):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def of_user() -> str | None:
    """A hash of every loaded module that a user wrote, the program that was started included; None where a file may
    have changed since it was loaded."""
    digest = hashlib.sha256()
    for name, file in _modules_of_user(tuple(sys.modules)):
        content = "" if name.startswith(NAMED_BY_CONTENT) else _content(file)
        if content is None:
            return None
        digest.update(f"{name} {content}\n".encode())
    return digest.hexdigest()


def has_source(part: Part) -> bool:
    """Whether the class of a part stands in a file; one that was typed at a prompt does not."""
    return hasattr(sys.modules.get(type(part).__module__), "__file__")


@functools.lru_cache(maxsize=1)
def _modules_of_user(loaded: tuple[str, ...]) -> list[tuple[str, str]]:
    """Name and file of each among those that are loaded; no module is asked for an attribute, which would load those
    that load late."""
    files = ((name, getattr(sys.modules.get(name), "__dict__", {}).get("__file__")) for name in loaded)
    return sorted((name, file) for name, file in files if isinstance(file, str) and _is_of_user(file))


@functools.cache
def _is_of_user(file: str) -> bool:
    path = Path(file).absolute()
    if any(path.is_relative_to(folder) for folder in OF_NOBODY) or INSTALLED.intersection(path.parts):
        return False
    return path.resolve() not in COMMANDS


def _content(file: str) -> str | None:
    """A hash of a file that is as it was when this process began, and so of what was loaded from it."""
    try:
        state = Path(file).stat()
        return _hashed(file, state.st_mtime_ns) if state.st_mtime < _began() else None
    except OSError:
        return None


@functools.cache
def _hashed(file: str, changed: int) -> str:
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


@functools.cache
def _began() -> float:
    return time.time() - process_age()
