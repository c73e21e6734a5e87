"""Backbones out of PDB and mmCIF files (also .gz) and out of cards, read by gemmi."""

from __future__ import annotations

import io
import math
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seqlab.data import DataError, cards, fetch
from seqlab.data.backbones import ATOMS, Backbone
from seqlab.data.text import is_card, unpacked

__all__ = ["read_backbones", "require_gemmi"]

ATOM_LINE = re.compile(r"(?:ATOM  |HETATM|ATOM +)\s*(\d+)")
STRETCH = re.compile(r"(-?\d+)-(-?\d+)")


class Wanted(NamedTuple):
    """What of a file is read."""

    chain: str
    """Empty: the first one of amino acids."""
    first: float = -math.inf
    """The number of the first residue, as the file counts; the last one, included."""
    last: float = math.inf


def read_backbones(location: str) -> list[Backbone]:
    """The backbones at `card:NAME` or in a file; `LOCATION#CHAIN` says which chain, else it is the first one that holds
    amino acids, and `LOCATION#CHAIN:FIRST-LAST` which of its residues, by the file's numbers. A card may hold several
    structures. Of a file the first model is read, of an atom's alternative places the first. A residue that lacks a
    backbone atom is left out; the notes say which, and where it begins in the file.

    Raises DataError for what is missing or no structure, for a chain that is not there (naming those that are), for
    residues that are no range or that it has none of, where no residue is whole, and where gemmi is not installed.
    """
    where, _, part = location.partition("#")
    wanted = _wanted(location, part)
    return [_backbone(require_gemmi(), name, data, wanted) for name, data in _files(where)]


def _wanted(location: str, part: str) -> Wanted:
    """`A` or `A:138-177`."""
    chain, colon, stretch = part.partition(":")
    if not colon:
        return Wanted(chain)
    match = STRETCH.fullmatch(stretch)
    if match is None or int(match[1]) > int(match[2]):
        raise DataError(
            f"{location}: `{stretch}` is no range of residues; give FIRST-LAST behind the chain, as A:20-80."
        )
    return Wanted(chain, int(match[1]), int(match[2]))


def _files(location: str) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the structures at a location."""
    if not is_card(location):
        path = Path(location).expanduser()
        if not path.is_file():
            raise DataError(f"there is no structure {path}; give a PDB or mmCIF file, or card:NAME (seqlab data ls).")
        yield path.name, path.read_bytes()
        return
    card = cards.card(location.removeprefix("card:"))
    data = fetch.read(card.name).tobytes()
    if card.role == "structure":
        yield card.file, data
    elif card.role == "structures":
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for entry in tar:
                file = tar.extractfile(entry)
                if file is not None:
                    yield entry.name, file.read()
    else:
        raise DataError(f"{location} is of the kind {card.role}, but structure is needed here; see `seqlab data ls`")


def _backbone(gemmi: Any, file: str, data: bytes, wanted: Wanted) -> Backbone:
    text = unpacked(file, data).decode("latin-1")
    file = file.removesuffix(".gz")
    try:
        if file.endswith((".cif", ".mmcif")):
            structure = gemmi.make_structure_from_block(gemmi.cif.read_string(text).sole_block())
        else:
            _check_places(file, text)
            structure = gemmi.read_pdb_string(text)
    except (RuntimeError, ValueError) as error:
        raise DataError(f"{file} is no PDB or mmCIF file that can be read: {error}") from error
    structure.setup_entities()
    return _of_chain(gemmi, file, structure, wanted, _atom_lines(text))


def _check_places(file: str, text: str) -> None:
    """Raise DataError where an atom's place in a PDB file is no three numbers, which gemmi would read as zeros."""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith(("ATOM  ", "HETATM")):
            try:
                known = all(math.isfinite(float(line[start : start + 8])) for start in (30, 38, 46))
            except ValueError:
                known = False
            if not known:
                raise DataError(
                    f"{file}, line {number}: the place of atom {line[12:16].strip()} is `{line[30:54].strip()}`, and "
                    "three numbers are needed; the file is cut off or damaged."
                )


def _atom_lines(text: str) -> dict[int, int]:
    """The line of each atom by its serial number, of the first model; PDB and mmCIF both write it there."""
    found: dict[int, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if match := ATOM_LINE.match(line):
            found.setdefault(int(match[1]), number)
    return found


def _residues(file: str, structure: Any, wanted: Wanted) -> tuple[str, list[Any]]:
    """The name of the chain, and those of its residues that are wanted."""
    # A file may go on with water under the names of its chains.
    peptides = [found for found in structure[0] if len(found.get_polymer())] if len(structure) else []
    if not peptides:
        raise DataError(f"{file} holds no chain of amino acids.")
    named = {found.name: found for found in reversed(peptides)}
    key = wanted.chain or peptides[0].name
    if key not in named:
        raise DataError(f"{file} has no chain {key} of amino acids; it has {', '.join(reversed(named))}.")
    residues = list(named[key].get_polymer().first_conformer())
    found = [residue for residue in residues if wanted.first <= residue.seqid.num <= wanted.last]
    if not found:
        numbers = [residue.seqid.num for residue in residues]
        raise DataError(
            f"{file}: chain {key} has residues {min(numbers)} to {max(numbers)}; "
            f"none from {wanted.first} to {wanted.last}."
        )
    return key, found


def _of_chain(gemmi: Any, file: str, structure: Any, wanted: Wanted, lines: dict[int, int]) -> Backbone:
    key, residues = _residues(file, structure, wanted)
    letters, places, labels, notes, starts = [], [], [], [], []
    for residue in residues:
        label = f"{residue.name} {key} {residue.seqid}"
        line = lines.get(residue[0].serial, 0)
        lacking = [atom for atom in ATOMS if residue.find_atom(atom, "*") is None]
        if lacking:
            told = f"{file}, line {line}" if line else file
            notes.append(f"{told}: residue {label} has no atom {' and no atom '.join(lacking)}; it is left out.")
            continue
        letter = gemmi.find_tabulated_residue(residue.name).one_letter_code.upper()
        letters.append(letter if letter.isalpha() else "X")
        places.append([residue.find_atom(atom, "*").pos.tolist() for atom in ATOMS])
        labels.append(label)
        starts.append(line)
    if not places:
        asked = "" if wanted.first == -math.inf else f" from {wanted.first} to {wanted.last}"
        raise DataError(
            f"{file}: no residue of chain {key}{asked} has all of {', '.join(ATOMS)}; it may hold C-alphas alone."
        )
    name = file.partition(".")[0]
    return Backbone(name, "".join(letters), np.array(places), tuple(labels), tuple(notes), file, tuple(starts))


def require_gemmi() -> Any:
    """The library. Raises DataError where it is not installed."""
    try:
        import gemmi
    except ImportError as error:
        raise DataError("structures are read by gemmi: install it with `pip install 'seqlab[structures]'`.") from error
    return gemmi
