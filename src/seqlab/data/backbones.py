"""Backbones of proteins: four atoms a residue, where the chain breaks, which residues touch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqlab.data import DataError

__all__ = ["ATOMS", "Backbone", "contact_map"]

ATOMS = ("N", "CA", "C", "O")
BOND = 2.5
"""Angstrom between C and the next N beyond which the chain is broken; a peptide bond has 1.33."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Backbone:
    """N residues of one chain in order, coordinates in angstrom."""

    name: str
    sequence: str
    """One letter a residue; X where it is none of the twenty."""
    atoms: Array
    """(N, 4, 3), in the order of ATOMS."""
    labels: tuple[str, ...]
    """What each residue is called in its file: `GLY A 19`."""
    notes: tuple[str, ...] = ()
    """Which residues were left out, a sentence each."""
    file: str = ""
    """The name of that file; empty where there is none."""
    lines: tuple[int, ...] = ()
    """The line of the file where each residue begins, 0 where that is not known; empty where there is no file."""

    def __post_init__(self) -> None:
        bad = np.argwhere(~np.isfinite(self.atoms).all(2))
        if len(bad):
            residue, atom = bad[0]
            raise DataError(
                f"{self.file or self.name}: atom {ATOMS[atom]} of residue {self.labels[residue]} has no number for a "
                "place; leave the residue out."
            )

    def __len__(self) -> int:
        return len(self.atoms)

    @property
    def bonded(self) -> NDArray[np.bool_]:
        """Whether each residue is bonded to the next: (N - 1,)."""
        gaps = np.linalg.norm(self.atoms[1:, ATOMS.index("N")] - self.atoms[:-1, ATOMS.index("C")], axis=-1)
        found: NDArray[np.bool_] = gaps < BOND
        return found

    def breaks(self) -> tuple[str, ...]:
        """Where the chain breaks, a sentence each."""
        lines = self.lines or (0,) * len(self)
        places = np.flatnonzero(~self.bonded)
        return tuple(
            f"{self.file or self.name}{f', line {lines[at + 1]}' if lines[at + 1] else ''}: the chain breaks between "
            f"{self.labels[at]} and {self.labels[at + 1]}."
            for at in places
        )

    @property
    def alphas(self) -> Array:
        """(N, 3)."""
        return self.atoms[:, ATOMS.index("CA")]

    @property
    def betas(self) -> Array:
        """Where each residue's C-beta is by the geometry of its backbone, glycine's too: (N, 3). Numbers from
        ProteinMPNN (arXiv 2205.02767), within 0.1 angstrom of real ones."""
        n, alpha, c = self.atoms[:, 0], self.atoms[:, 1], self.atoms[:, 2]
        b, a = alpha - n, c - alpha
        return -0.58273431 * np.cross(b, a) + 0.56802827 * b - 0.54067466 * a + alpha


def contact_map(
    backbone: Backbone, *, atom: str = "beta", below: float = 8.0, separation: int = 1
) -> NDArray[np.bool_]:
    """Which pairs are nearer than `below` angstrom, by C-beta or C-alpha (`alpha`), at least `separation` residues
    apart in the chain: (N, N), symmetric. Raises DataError for another atom."""
    if atom not in ("alpha", "beta"):
        raise DataError(f"contacts go by `beta` or `alpha` carbons, not by {atom!r}.")
    places = backbone.betas if atom == "beta" else backbone.alphas
    distances = np.linalg.norm(places[:, None] - places, axis=-1)
    steps = np.abs(np.subtract.outer(np.arange(len(places)), np.arange(len(places))))
    found: NDArray[np.bool_] = (distances < below) & (steps >= separation)
    return found
