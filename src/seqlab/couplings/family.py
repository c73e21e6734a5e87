"""The sequences that a model is fitted to or judged by, and the contacts of a structure of theirs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqlab.data import DataError
from seqlab.data.alignments import Alignment
from seqlab.data.alignments.reading import Unknown, read_alignment
from seqlab.data.backbones import contact_map
from seqlab.data.profiles import belongs, place
from seqlab.data.structures import read_backbones

__all__ = ["Chosen", "choose", "parts"]


@dataclass(frozen=True)
class Chosen:
    """An alignment's columns, and which pairs of them touch in a structure."""

    alignment: Alignment
    contacts: NDArray[np.bool_] | None
    """(L, L); None where no structure was given."""


def parts(letters: NDArray[np.uint8], held_out: float) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The sequences of a fit, and the random share of them that is held out of it, always the same."""
    count = round(held_out * len(letters))
    mixed = np.random.default_rng(0).permutation(len(letters))
    return letters[np.sort(mixed[count:])], letters[np.sort(mixed[:count])]


def choose(
    location: str, focus: str | None, structure: str | None, unknown: Unknown = "gap", most_gaps: float = 1.0
) -> Chosen:
    """Read an alignment (see read_alignment). With a structure (`card:NAME` or a file, `#CHAIN`) the columns are those
    of its residues, and contacts are C-betas nearer than 8 angstrom. Raises DataError where it does not belong."""
    if structure is None:
        return Chosen(read_alignment(location, focus=focus, unknown=unknown, most_gaps=most_gaps), None)
    whole = read_alignment(location, focus=focus, unknown=unknown)
    (backbone, *others) = read_backbones(structure)
    if others:
        raise DataError(f"{structure} holds {len(others) + 1} structures; give one")
    placed = place(backbone, whole.letters)
    if not belongs(placed):
        raise DataError(
            f"{structure} does not belong to {location}: its columns expect the sequence {placed.score:+.2f} nats a "
            "residue more than the background does; give a structure of this family"
        )
    columns = whole.columns[placed.columns]
    alignment = read_alignment(location, columns=columns, unknown=unknown, most_gaps=most_gaps)
    return Chosen(alignment, contact_map(backbone)[placed.residues][:, placed.residues])
