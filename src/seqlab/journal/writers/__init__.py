"""Writers of other programs' records: one program a file, whose name is the program's.

Each has `write(run, folder)`, which writes one run into a folder that other runs may share, and `finish(runs, folder)`,
which adds what they have in common. Each needs the extra of its name.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, cast

from seqlab.journal.errors import JournalError
from seqlab.journal.files import clearly
from seqlab.journal.run import Run

__all__ = ["Writer", "write_runs"]


class Writer(Protocol):
    """A module of this folder."""

    SHOWN_BY: str
    """The command that shows what was written, with {folder} in it."""

    def write(self, run: Run, folder: Path) -> int: ...

    def finish(self, runs: Sequence[Run], folder: Path) -> None: ...


def write_runs(program: str, runs: Sequence[Run], folder: Path) -> Iterator[str]:
    """Write runs for a program, and tell of each. Raises JournalError where the program's extra is missing, the folder
    cannot be written, or holds such a run already."""
    try:
        writer = cast(Writer, importlib.import_module(f"{__name__}.{program}"))
    except ImportError as error:
        raise JournalError(
            f"{error.name} is not installed: `pip install 'seqlab[{program}]'` lets it be written"
        ) from error
    with clearly(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for run in runs:
            count = writer.write(run, folder)
            yield f"{run.name}: {count:,} values"
        writer.finish(runs, folder)
    yield f"wrote {folder}; `{writer.SHOWN_BY.format(folder=folder)}` shows it"
