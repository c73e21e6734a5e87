"""A text is bytes: where they lie, what they hash to, and where training ends and validation begins."""

import difflib
import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqlab.data import DataError, cache, cards, fetch

_CARD = "card:"


@dataclass(frozen=True, kw_only=True)
class TextSource:
    """The bytes at a location. `data` is (bytes,) uint8, read-only, mapped from disk where possible."""

    location: str
    title: str
    sha256: str
    data: np.ndarray


class Split(NamedTuple):
    """Consecutive views of one text, in its order: train, valid, test; `test` is empty unless asked for."""

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray


def read_text(location: str, role: cards.Role = "text") -> TextSource:
    """Read `card:NAME` or the file at a path; a file given by path is used as it is.

    Raises DataError for a missing or empty file, a damaged cached one, or a card of another role.
    """
    if is_card(location):
        return _read_card(location, role)
    path = Path(location).expanduser()
    _check_file(path)
    data = np.memmap(path, dtype=np.uint8, mode="r")
    return TextSource(location=location, title=path.name, sha256=cache.sha256(data), data=data)


def is_card(location: str) -> bool:
    """Whether a location names a data card."""
    return location.startswith(_CARD)


def absolute(location: str) -> str:
    """The location as it is called from any folder."""
    return location if is_card(location) else str(Path(location).expanduser().absolute())


def file_name(location: str) -> str:
    """What the location is called wherever it lies: the name of its file, or `card:NAME`."""
    return location if is_card(location) else Path(location).name


def unpacked(name: str, data: bytes) -> bytes:
    """The bytes of a file, unpacked where they are gzip'd. Raises DataError where they are cut off or damaged."""
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, OSError, zlib.error) as error:
        raise DataError(f"{name} cannot be unpacked ({error}): it is cut off or damaged; get it again") from None


def _read_card(location: str, role: cards.Role) -> TextSource:
    card = cards.card(location.removeprefix(_CARD))
    if card.role != role:
        raise DataError(f"{location} is of the kind {card.role}, but {role} is needed here; see `seqlab data ls`")
    data = fetch.read(card.name)
    if cache.sha256(data) != card.sha256:
        raise DataError(f"{fetch.path(card.name)} is damaged; delete it and run `seqlab data get {card.name}`")
    return TextSource(location=location, title=card.title, sha256=card.sha256, data=data)


def _check_file(path: Path) -> None:
    if not path.is_file():
        if path.is_dir():
            raise DataError(f"{path} is a folder; name a file in it")
        raise DataError(f"there is no file {path}{_nearest(path)}; give a path or card:NAME (seqlab data ls)")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty; give a file that holds text")


def _nearest(path: Path) -> str:
    if not path.parent.is_dir():
        return f" (nor a folder {path.parent})"
    there = [entry.name for entry in path.parent.iterdir()]
    near = difflib.get_close_matches(path.name, there, n=3, cutoff=0.5)
    return f" (near it: {', '.join(near)})" if near else ""


def split(data: np.ndarray, validation: float = 0.1, test: float = 0.0, whole_characters: bool = False) -> Split:
    """Cut `data` (bytes,) into train, then validation, then test, by fractions of its bytes.

    Validation begins at int(n * (1 - (validation + test))), test at int(n * (1 - test)): for test = 0 the split of
    nanoGPT. `whole_characters` moves a cut that falls inside a UTF-8 sequence forward to its end.
    Raises DataError for fractions out of range or a part that was asked for and would be empty.
    """
    if not (0 < validation < 1 and 0 <= test < 1 and validation + test < 1):
        raise DataError(
            f"validation={validation} and test={test} must leave a part to train on: "
            "validation above 0, test at least 0, their sum below 1"
        )
    cuts = [int(len(data) * (1 - (validation + test))), int(len(data) * (1 - test))]
    first, second = (_character_start(data, cut) for cut in cuts) if whole_characters else cuts
    parts = Split(data[:first], data[first:second], data[second:])
    for name, part in zip(Split._fields, parts, strict=True):
        if len(part) == 0 and (name != "test" or test > 0):
            raise DataError(
                f"a text of {len(data)} bytes is too short for validation={validation}, test={test}: "
                f"{name} would be empty; give a longer text"
            )
    return parts


def _character_start(data: np.ndarray, cut: int) -> int:
    """The first index from `cut` on that does not hold a UTF-8 continuation byte (0b10xxxxxx)."""
    while cut < len(data) and data[cut] & 0xC0 == 0x80:
        cut += 1
    return cut
