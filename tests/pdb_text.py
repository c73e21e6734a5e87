"""A made backbone as a PDB file, and a family of its sequence."""

import numpy as np
from numpy.typing import NDArray

from seqlab.data.alignments import ALPHABET, letters_of
from seqlab.data.backbones import ATOMS, Backbone

RESIDUES = (
    "ALA", "CYS", "ASP", "GLU", "PHE", "GLY", "HIS", "ILE", "LYS", "LEU", "MET", "ASN", "PRO", "GLN", "ARG", "SER",
    "THR", "VAL", "TRP", "TYR",
)  # fmt: skip
"""Of the letters of ALPHABET, in its order."""


def pdb(backbone: Backbone, chain: str = "B", without: tuple[int, str] | None = None) -> str:
    lines = []
    for residue, (letter, atoms) in enumerate(zip(backbone.sequence, backbone.atoms, strict=True)):
        name = RESIDUES[ALPHABET.index(letter)]
        for atom, (x, y, z) in zip(ATOMS, atoms, strict=True):
            if (residue, atom) != without:
                lines.append(
                    f"ATOM  {len(lines) + 1:5d}  {atom:<3} {name} {chain}{residue + 1:4d}    "
                    f"{x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00           {atom[0]}"
                )
    return "\n".join([*lines, "TER", "END", ""])


def family(sequence: str, rows: int = 60) -> NDArray[np.uint8]:
    """The sequence, then others that differ from it at each site in one of five."""
    draws = np.random.default_rng(0)
    own = letters_of([sequence])
    changed = np.where(draws.random((rows, own.shape[1])) < 0.2, draws.integers(0, 20, (rows, own.shape[1])), own)
    changed[0] = own
    return changed.astype(np.uint8)
