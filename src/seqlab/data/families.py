"""Families: a structure's encodings and the aligned sequences that fold into it; which of them are held out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from seqlab.data import DataError
from seqlab.data.alignments import SIZE
from seqlab.data.streams import numpy_stream

__all__ = ["Collection", "Family", "held_rows", "split_families"]


@dataclass(frozen=True)
class Family:
    """One structure of N residues, encoded, and the M sequences aligned to it."""

    name: str
    encodings: NDArray[np.float32]
    """(N, F)."""
    sequences: NDArray[np.uint8]
    """(M, N), letters by their number."""
    superfamily: str = ""
    """What it is a member of; structures of one superfamily are alike."""
    alignment: str = ""
    """Of what alignment the sequences are rows, in its order, where several structures share one."""
    contacts: NDArray[np.bool_] | None = None
    """Which residues touch, (N, N), where a backbone tells."""

    def __post_init__(self) -> None:
        sites, columns = len(self.encodings), self.sequences.shape[1]
        if sites != columns:
            raise DataError(
                f"{self.name}: the structure has {sites} residues and its alignment {columns} columns; align the "
                "sequences to this structure, or leave out the columns that it does not have."
            )
        bad = np.flatnonzero(~np.isfinite(self.encodings).all(1))
        if len(bad):
            raise DataError(
                f"{self.name}: the encoding of residue {bad[0] + 1} is not a number (and of {len(bad) - 1} more); "
                "encode a structure whose backbone atoms are all there."
            )
        if self.sequences.max(initial=0) >= SIZE:
            row, column = np.argwhere(self.sequences >= SIZE)[0]
            raise DataError(
                f"{self.name}: sequence {row + 1} has {self.sequences[row, column]} at column {column + 1}; letters "
                f"are numbers from 0 to {SIZE - 1}, the gap is the last."
            )

    def __len__(self) -> int:
        """Residues."""
        return len(self.encodings)

    def rows(self, chosen: NDArray[np.int64]) -> Family:
        """The family with only these sequences."""
        return replace(self, sequences=self.sequences[chosen])


@dataclass(frozen=True)
class Collection:
    """What is trained on, and three kinds of held-out data: new sequences of training structures, new structures of
    training superfamilies, new superfamilies."""

    train: tuple[Family, ...]
    sequence: tuple[Family, ...]
    structure: tuple[Family, ...] = ()
    superfamily: tuple[Family, ...] = ()

    def __post_init__(self) -> None:
        if not self.train or not self.sequence:
            raise DataError(
                "the families leave nothing to train on, or no sequence to hold out: give at least one structure with "
                "two sequences that no other split takes."
            )
        for family in self:
            if not len(family.sequences):
                raise DataError(f"{family.name}: its alignment has no sequences; leave the family out.")
        widths = {family.encodings.shape[1]: family.name for family in self}
        if len(widths) > 1:
            told = ", ".join(f"{width} ({name})" for width, name in widths.items())
            raise DataError(f"encodings differ in width: {told}; encode all structures in one way.")

    def __iter__(self) -> Iterator[Family]:
        return iter((*self.train, *self.sequence, *self.structure, *self.superfamily))

    @property
    def width(self) -> int:
        """F, the width of encodings, as the data has it."""
        return int(self.train[0].encodings.shape[1])

    @property
    def longest(self) -> int:
        """Residues of the longest structure."""
        return max(len(family) for family in self)


def split_families(
    families: Sequence[Family],
    *,
    superfamilies: float = 0.1,
    structures: int = 1,
    sequences: float = 0.1,
    seed: int = 0,
) -> Collection:
    """The splits of arXiv 2406.11975: a share of superfamilies is held out whole; of each other one that has several
    structures, one structure (`structures`; one at least is trained on); of each other structure a share of its
    sequences. A structure with one sequence is trained on. Of structures that share an alignment the same sequences are
    held out, and a held-out structure has only those."""
    members: defaultdict[str, list[Family]] = defaultdict(list)
    for family in families:
        members[family.superfamily or family.name].append(family)
    draws = numpy_stream(seed, "families")
    held_out = set(draws.permutation(sorted(members))[: round(superfamilies * len(members))])
    train, sequence, structure = [], [], []
    for name in sorted(set(members) - held_out):
        own = members[name]
        order = [own[place] for place in draws.permutation(len(own))]
        count = min(structures, len(own) - 1)
        shared = {family.alignment for family in order[count:] if family.alignment}
        structure += [_held(f, sequences, seed)[1] if f.alignment in shared else f for f in order[:count]]
        for family in order[count:]:
            kept, held = _held(family, sequences, seed)
            train.append(kept)
            if len(held.sequences):
                sequence.append(held)
    whole = [family for name in sorted(held_out) for family in members[name]]
    return Collection(tuple(train), tuple(sequence), tuple(f for f in structure if len(f.sequences)), tuple(whole))


def _held(family: Family, share: float, seed: int) -> tuple[Family, Family]:
    """The family with the sequences that are trained on, and with those that are held out."""
    kept, held = held_rows(len(family.sequences), share, family.alignment or family.name, seed)
    return family.rows(kept), family.rows(held)


def held_rows(count: int, share: float, alignment: str, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which of an alignment's sequences are kept, and which held out: one at least, and never all."""
    order = numpy_stream(seed, f"sequences/{alignment}").permutation(count)
    held = min(max(1, round(share * count)), count - 1)
    return np.sort(order[held:]), np.sort(order[:held])
