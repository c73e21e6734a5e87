"""The sequences that a model is fitted to or judged by, and the contacts of a structure of theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqlab.couplings.pairwise import Array, Kept
from seqlab.data import DataError
from seqlab.data.alignments import Alignment
from seqlab.data.alignments.reading import Unknown, read_alignment
from seqlab.data.backbones import Backbone, contact_map
from seqlab.data.families import held_rows
from seqlab.data.profiles import Placed, belongs, lost, mismatch, place
from seqlab.data.structures import read_backbones
from seqlab.data.text import file_name

__all__ = ["Chosen", "Known", "Letters", "alike", "choose", "choose_for", "one_backbone", "parts", "stands"]

Letters = NDArray[np.uint8]


@dataclass(frozen=True)
class Chosen:
    """An alignment's columns, and which pairs of them touch in a structure."""

    alignment: Alignment
    contacts: NDArray[np.bool_] | None
    """(L, L); None where no structure was given."""
    notes: tuple[str, ...] = ()
    """What is missing of the structure, and what of it has no column, a sentence each."""

    @property
    def kept(self) -> Kept:
        """Which columns these are."""
        return Kept(self.alignment.columns, self.alignment.width)


def alike(letters: Letters) -> Array:
    """Weights (N,) of sequences that count one each."""
    return np.ones(len(letters))


@dataclass(frozen=True)
class Known:
    """What a model is judged by."""

    fitted: Letters
    """Sequences that it was fitted to, (M, L)."""
    held: Letters
    """Others of the family, (M', L), perhaps none."""
    contacts: NDArray[np.bool_] | None = None
    """Which columns touch in a structure, (L, L), or (K, K) of those in `seen`."""
    seen: NDArray[np.int64] | None = None
    """(K,): the columns that have a residue in the structure; None: all."""
    weigh: Callable[[Letters], Array] = alike
    """How its fit weighs sequences: (N, L) -> (N,)."""


def parts(letters: Letters, held_out: float, location: str) -> tuple[Letters, Letters]:
    """The sequences of a fit, and the random share of them that is held out: those that tasks of families hold out of
    the alignment at this location."""
    if not held_out:
        return letters, letters[:0]
    kept, held = held_rows(len(letters), held_out, file_name(location))
    return letters[kept], letters[held]


def choose(
    location: str,
    focus: str | None,
    structure: str | None,
    unknown: Unknown = "gap",
    most_gaps: float = 1.0,
    column_gaps: float = 1.0,
) -> Chosen:
    """Read an alignment (see read_alignment). With a structure (`card:NAME` or a file, `#CHAIN`) the columns are those
    of its residues, and contacts are C-betas nearer than 8 angstrom. Raises DataError where it does not belong."""
    limits: Any = {"unknown": unknown, "most_gaps": most_gaps, "column_gaps": column_gaps}
    if structure is None:
        return Chosen(read_alignment(location, focus=focus, **limits), None)
    whole = read_alignment(location, focus=focus, unknown=unknown)
    backbone, placed = stands(structure, whole.letters, location)
    columns = whole.columns[placed.columns]
    alignment = read_alignment(location, columns=columns, **limits)
    residues = placed.residues[np.isin(columns, alignment.columns)]
    notes = (*backbone.notes, *backbone.breaks(), *lost(backbone, placed, location))
    return Chosen(alignment, contact_map(backbone)[residues][:, residues], notes)


def stands(structure: str, letters: Letters, location: str) -> tuple[Backbone, Placed]:
    """The one structure at `card:NAME` or in a file (`#CHAIN`), and where its residues stand in the sequences (N, L) of
    the alignment at this location. Raises DataError where it does not belong."""
    backbone = one_backbone(structure)
    placed = place(backbone, letters)
    if not belongs(placed):
        raise DataError(
            f"{structure} does not belong to {location}: {mismatch(backbone, placed, letters)}; give a structure of "
            "this family"
        )
    return backbone, placed


def one_backbone(structure: str) -> Backbone:
    """The backbone at `card:NAME` or in a file (`#CHAIN`). Raises DataError where there are several, or none."""
    (backbone, *others) = read_backbones(structure)
    if others:
        raise DataError(f"{structure} holds {len(others) + 1} structures; give one")
    return backbone


def choose_for(kept: Kept | None, location: str, focus: str | None, structure: str | None) -> tuple[Chosen, bool]:
    """The sequences of an alignment for a model whose columns are `kept` of its own: with a focus or a structure as
    `choose` has them; else of an alignment that is as wide as its own the same columns, of another all. And whether
    columns were passed over as its fit did."""
    if focus is not None or structure is not None:
        return choose(location, focus, structure), False
    whole = read_alignment(location)
    if kept is None or kept.width != whole.width or len(kept.columns) == whole.width:
        return Chosen(whole, None), False
    return Chosen(read_alignment(location, columns=kept.columns), None), True
