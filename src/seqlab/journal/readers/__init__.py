"""Readers of other programs' logs: one format a file, whose name is the format's.

Each has `reads(path)`, whether a file is of this format, and `read(path, step_column)`, which returns its Log.
"""

import importlib
import pkgutil
from pathlib import Path
from typing import Protocol, cast

from seqlab.journal.errors import JournalError
from seqlab.journal.log import Log


class Reader(Protocol):
    """A module of this folder."""

    def reads(self, path: Path) -> bool: ...

    def read(self, path: Path, step_column: str | None) -> Log: ...


def reader_of(path: Path) -> tuple[str, Reader]:
    """The format of a file and its reader. Raises JournalError for a file that is not there or of another format."""
    if not path.is_file():
        raise JournalError(f"there is no file {path}; give event files, a folder of them, or CSV or JSONL logs")
    known = [module.name for module in pkgutil.iter_modules(__path__)]
    for name in known:
        reader = cast(Reader, importlib.import_module(f"{__name__}.{name}"))
        if reader.reads(path):
            return name, reader
    raise JournalError(
        f"{path} is no log that can be read ({', '.join(known)}): an event file has `tfevents` in its name, "
        "a table ends in .csv or .tsv, and JSONL has an object in every line"
    )
