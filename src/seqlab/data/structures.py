"""Backbones out of PDB and mmCIF files (also .gz), read by gemmi."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from seqlab.data import DataError
from seqlab.data.backbones import ATOMS, Backbone

__all__ = ["read_backbone"]


def read_backbone(path: str | Path, chain: str | None = None, *, name: str = "") -> Backbone:
    """One chain of the first model of a file; none: the first chain that holds amino acids.

    Of alternative places of an atom the first is taken. A residue that lacks a backbone atom is left out; the notes say
    which ones, and where the chain breaks. Raises DataError for a file that is missing or no structure, a chain that
    is not there (and names those that are), or no whole residue; ImportError's sentence where gemmi is not installed.
    """
    gemmi = _gemmi()
    path = Path(path)
    if not path.is_file():
        raise DataError(f"there is no structure {path}; give a PDB or mmCIF file.")
    try:
        structure = gemmi.read_structure(str(path))
    except (RuntimeError, ValueError) as error:
        raise DataError(f"{path} is no PDB or mmCIF file that can be read: {error}") from error
    structure.setup_entities()
    return _of_chain(gemmi, path, structure, chain, name or path.name.partition(".")[0])


def _of_chain(gemmi: Any, path: Path, structure: Any, wanted: str | None, name: str) -> Backbone:
    chains = {found.name: found for found in structure[0]} if len(structure) else {}
    with_peptides = [key for key, found in chains.items() if len(found.get_polymer())]
    if not with_peptides:
        raise DataError(f"{path} holds no chain of amino acids.")
    key = wanted if wanted is not None else with_peptides[0]
    if key not in with_peptides:
        raise DataError(f"{path} has no chain {key} of amino acids; it has {', '.join(with_peptides)}.")
    letters, places, labels, notes = [], [], [], []
    for residue in chains[key].get_polymer().first_conformer():
        label = f"{residue.name} {key} {residue.seqid}"
        lacking = [atom for atom in ATOMS if residue.find_atom(atom, "*") is None]
        if lacking:
            notes.append(f"{path.name}: residue {label} has no atom {' and no atom '.join(lacking)}; it is left out.")
            continue
        letter = gemmi.find_tabulated_residue(residue.name).one_letter_code.upper()
        letters.append(letter if letter.isalpha() else "X")
        places.append([residue.find_atom(atom, "*").pos.tolist() for atom in ATOMS])
        labels.append(label)
    if not places:
        raise DataError(f"{path}: no residue of chain {key} has all of {', '.join(ATOMS)}; it may hold C-alphas alone.")
    backbone = Backbone(name, "".join(letters), np.array(places), tuple(labels), tuple(notes))
    breaks = [
        f"{path.name}: the chain breaks between {labels[place]} and {labels[place + 1]}."
        for place in np.flatnonzero(~backbone.bonded)
    ]
    return Backbone(name, backbone.sequence, backbone.atoms, backbone.labels, (*notes, *breaks))


def _gemmi() -> Any:
    try:
        import gemmi
    except ImportError as error:
        raise DataError("structures are read by gemmi: install it with `pip install 'seqlab[structures]'`.") from error
    return gemmi
