"""Which data lies at the locations that a task is given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from seqlab.data import DataError, cards, fetch
from seqlab.data.cache import sha256
from seqlab.data.text import is_card

__all__ = ["hash_of", "hash_of_structures"]


def hash_of(locations: Sequence[str]) -> str:
    """SHA-256 of what lies at the locations; of a card what it must be. Raises DataError for what is not there."""
    found = []
    for where in locations:
        if is_card(where):
            fetch.path(where.removeprefix("card:"))
            found.append(cards.card(where.removeprefix("card:")).sha256)
        elif not Path(where).expanduser().is_file():
            raise DataError(f"there is no file {where}; give a path or card:NAME (seqlab data ls)")
        else:
            found.append(sha256(Path(where).expanduser().read_bytes()))
    return sha256("".join(found).encode())


def hash_of_structures(locations: Sequence[str]) -> str:
    """The same of files of structures; which chains and residues of them are asked for (`#A:20-80`) is told apart."""
    parts = [location.partition("#")[::2] for location in locations]
    files = hash_of([where for where, _ in parts])
    asked = [part for _, part in parts]
    return sha256(f"{files} {' '.join(asked)}".encode()) if any(asked) else files
