"""Families whose structures are encoded already: the public files of InvMSAFold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqlab.data import DataError
from seqlab.data.backbones import Backbone
from seqlab.data.cache import sha256
from seqlab.data.families import Collection, Family
from seqlab.data.text import absolute
from seqlab.tasks.shared.encoded_files import content_hash, read_encodings, read_letters, read_superfamilies
from seqlab.tasks.shared.families import OfFamilies, PreparedFamilies

__all__ = ["EncodedFamilies"]

JOINED = 7
"""Characters of a name that a CATH domain is known by: `12asA00`."""
READ = (".encodings.pt", ".a3m.pt", "summary.txt")
SPLITS = ("train", "sequence", "structure", "superfamily")


class EncodedFamilies(OfFamilies):
    """A folder with `NAME.encodings.pt` anywhere below it, and alignments `NAME....a3m.pt` below folders called train,
    sequence, structure and superfamily, which are the splits. Encodings of any width: 512 of ESM-IF1, 128 of
    ProteinMPNN. All of it is held in memory. Alignments that are empty, without encodings or of another length are left
    out and named, and so are held-out sequences of a structure without others in train. Files are opened without
    running what they may hold.
    """

    path: str
    """The folder."""

    def located(self) -> dict[str, str]:
        folder = self._folder()
        files = sorted(path for path in folder.rglob("*") if path.name.endswith(READ))
        held = (f"{path.relative_to(folder).as_posix()} {content_hash(path)}" for path in files)
        return {"path": sha256("\n".join(held).encode())}

    def _folder(self) -> Path:
        folder = Path(self.path).expanduser()
        if not folder.is_dir():
            raise DataError(f"there is no folder {folder}; give the one that holds train/ and the encodings.")
        return folder

    def anchored(self) -> EncodedFamilies:
        return replace(self, path=absolute(self.path))

    def encoded(self, backbone: Backbone) -> NDArray[np.float32]:
        raise DataError(
            f"what encoded the files of {self.path} is not known, so {backbone.name} cannot be encoded likewise; give "
            "its encodings, NAME.encodings.pt."
        )

    def prepare(self) -> PreparedFamilies:
        folder = self._folder()
        encodings = _encodings(folder)
        superfamilies = read_superfamilies(folder / "summary.txt")
        splits: dict[str, list[Family]] = {split: [] for split in SPLITS}
        notes = []
        for split, path in _alignments(folder):
            name = path.name[:JOINED]
            if name not in encodings:
                notes.append(f"{path.name}: there are no encodings of {name}; it is left out.")
                continue
            try:
                family = Family(name, read_encodings(encodings[name]), read_letters(path), superfamilies.get(name, ""))
            except DataError as error:
                notes.append(f"{path.name} is left out: {error}")
                continue
            splits[split].append(family)
        trained = {family.name for family in splits["train"]}
        alone = [family for family in splits["sequence"] if family.name not in trained]
        notes += [f"{family.name}: train holds no sequences of it; those of sequence are left out." for family in alone]
        splits["sequence"] = [family for family in splits["sequence"] if family.name in trained]
        collection = Collection(*(tuple(splits[split]) for split in SPLITS))
        return PreparedFamilies(self, collection, self.located(), tuple(notes))


def _encodings(folder: Path) -> dict[str, Path]:
    """Each file of encodings by the name of its domain. Raises DataError where two are of one."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*.encodings.pt")):
        other = found.setdefault(path.name[:JOINED], path)
        if other != path:
            raise DataError(
                f"{other} and {path} are both of {path.name[:JOINED]}, as the first {JOINED} characters of their names "
                "say; leave one out."
            )
    return found


def _alignments(folder: Path) -> Iterator[tuple[str, Path]]:
    """Each alignment with its split, the name of the nearest folder above it that is one."""
    for path in sorted(folder.rglob("*.a3m.pt")):
        above = [part for part in path.relative_to(folder).parts[:-1] if part in SPLITS]
        if not above:
            raise DataError(f"{path} lies below none of the folders {', '.join(SPLITS)}, so its split is not known.")
        yield above[-1], path
