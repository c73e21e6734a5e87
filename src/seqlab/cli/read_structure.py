"""A structure as a network reads it: out of a file, or one of its task by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
from numpy.typing import NDArray

from seqlab.couplings.pairwise import Kept
from seqlab.spec import did_you_mean

if TYPE_CHECKING:
    from seqlab.tasks.shared.families import OfFamilies

__all__ = ["Read", "read_structure"]

BACKBONES = (".pdb", ".ent", ".cif", ".mmcif")
ENCODINGS = ".pt"


@dataclass(frozen=True)
class Read:
    """A structure's encodings."""

    name: str
    encodings: NDArray[np.float32]
    """(N, F)."""
    notes: tuple[str, ...] = ()
    """What is missing of it, a sentence each."""
    kept: Kept | None = None
    """Which columns of an alignment its residues are."""


def read_structure(task: OfFamilies, structure: str, alignment: str | None) -> Read:
    """Encode a PDB or mmCIF file (`card:NAME`, `#CHAIN`) as the task does, of it the residues that have a column in the
    alignment; or read a file of encodings; or take a structure of the task by its name. Raises DataError and
    ClickException."""
    if _is_backbone(structure):
        return _encoded(task, structure, alignment)
    if alignment is not None:
        raise click.UsageError(f"--alignment goes with a PDB or mmCIF file; {structure} has the residues that it has.")
    if structure.endswith(ENCODINGS):
        return _of_file(Path(structure).expanduser())
    families = {family.name: family for family in task.prepare().collection}  # type: ignore[attr-defined]
    if structure not in families:
        raise click.ClickException(
            f"{structure} is no PDB or mmCIF file ({', '.join(BACKBONES)}) and no structure of the task; "
            f"{did_you_mean(structure, families)}"
        )
    return Read(structure, families[structure].encodings)


def _is_backbone(structure: str) -> bool:
    from seqlab.data.text import is_card

    return is_card(structure) or structure.partition("#")[0].removesuffix(".gz").endswith(BACKBONES)


def _encoded(task: OfFamilies, structure: str, alignment: str | None) -> Read:
    from seqlab.couplings.family import one_backbone, stands
    from seqlab.data.alignments.reading import read_alignment
    from seqlab.data.profiles import lost

    if alignment is None:
        backbone = one_backbone(structure)
        return Read(backbone.name, task.encoded(backbone), (*backbone.notes, *backbone.breaks()))
    whole = read_alignment(alignment)
    backbone, placed = stands(structure, whole.letters, alignment)
    notes = (*backbone.notes, *backbone.breaks(), *lost(backbone, placed, alignment))
    return Read(backbone.name, task.encoded(backbone)[placed.residues], notes, Kept(placed.columns, whole.width))


def _of_file(path: Path) -> Read:
    from seqlab.data import DataError
    from seqlab.tasks.shared.encoded_files import read_encodings

    if not path.is_file():
        raise DataError(f"there is no file of encodings {path}; give NAME.encodings.pt")
    encodings = read_encodings(path)
    bad = np.flatnonzero(~np.isfinite(encodings).all(1))
    if len(bad):
        raise DataError(f"{path}: the encoding of residue {bad[0] + 1} is not a number (and of {len(bad) - 1} more)")
    return Read(path.name.partition(".")[0], encodings)
