"""Families whose truth is known: made or real backbones, a Potts model of their contacts, sequences drawn from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from seqlab.data.backbones import Backbone, contact_map
from seqlab.data.bundles import bundle
from seqlab.data.contact_potts import contact_potts, draw
from seqlab.data.families import Family, split_families
from seqlab.data.geometric import encode
from seqlab.data.structures import read_backbones, require_gemmi
from seqlab.data.text import absolute, file_name
from seqlab.spec import Field
from seqlab.tasks.shared.families import OfFamilies, PreparedFamilies
from seqlab.tasks.shared.locations import hash_of_structures

__all__ = ["SimulatedFamilies"]


class SimulatedFamilies(OfFamilies):
    """Bundles of helices, several of one fold, which is their superfamily, or the backbones of `structures`. Fields and
    couplings follow from a backbone's contacts by one law (seqlab.data.contact_potts), so that a model can learn it on
    some folds and use it on others. Sequences are ends of Gibbs chains; encodings are geometric. Without `structures`
    nothing is downloaded."""

    structures: tuple[str, ...] = ()
    """Real backbones in place of bundles: `card:NAME` or PDB and mmCIF files, `#CHAIN` or `#CHAIN:FIRST-LAST`
    behind them. Those of one location are one superfamily."""
    folds: int = Field(default=8, ge=2)
    """Superfamilies of bundles."""
    members: int = Field(default=3, ge=1)
    """Structures of each."""
    drawn: int = Field(default=100, ge=2)
    """Sequences of each structure."""
    helices: int = Field(default=3, ge=2)
    """Of each bundle; a helix and its loop have some 17 residues."""
    strength: float = Field(default=0.8, ge=0)
    """Factor of the couplings; 0 leaves fields alone."""
    superfamilies: float = Field(default=0.2, ge=0, lt=1)
    """Share of superfamilies that are held out whole."""
    data_seed: int = Field(default=0, ge=0)
    """Of backbones, sequences and splits."""

    def located(self) -> dict[str, str]:
        if not self.structures:
            return {}
        require_gemmi()
        return {"structures": hash_of_structures(self.structures)}

    def anchored(self) -> SimulatedFamilies:
        return replace(self, structures=tuple(map(absolute, self.structures)))

    def prepare(self) -> PreparedFamilies:
        backbones = list(self._backbones())
        families = [self._family(stream, *each) for stream, each in enumerate(backbones)]
        collection = split_families(families, superfamilies=self.superfamilies, seed=self.data_seed)
        notes = [note for _, backbone in backbones if self.structures for note in (*backbone.notes, *backbone.breaks())]
        return PreparedFamilies(self, collection, self.located(), tuple(notes))

    def encoded(self, backbone: Backbone) -> NDArray[np.float32]:
        return encode(backbone)

    def _backbones(self) -> Iterator[tuple[str, Backbone]]:
        """The superfamily of each, and itself."""
        for location in self.structures:
            yield from ((file_name(location), backbone) for backbone in read_backbones(location))
        for fold in range(0 if self.structures else self.folds):
            for member in range(self.members):
                yield f"fold{fold}", bundle(fold, member, helices=self.helices, seed=self.data_seed)

    def _family(self, stream: int, superfamily: str, backbone: Backbone) -> Family:
        truth = contact_potts(backbone, strength=self.strength)
        sequences = draw(truth, self.drawn, seed=self.data_seed, stream=stream)
        return Family(backbone.name, self.encoded(backbone), sequences, superfamily, contacts=contact_map(backbone))
