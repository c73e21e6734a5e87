"""Families whose truth is known: made or real backbones, a Potts model of their contacts, sequences drawn from it."""

from __future__ import annotations

from seqlab.data.bundles import bundle
from seqlab.data.contact_potts import contact_potts, draw
from seqlab.data.families import Family, split_families
from seqlab.data.geometric import encode
from seqlab.spec import Field
from seqlab.tasks.shared.families import OfFamilies, PreparedFamilies

__all__ = ["SimulatedFamilies"]


class SimulatedFamilies(OfFamilies):
    """Bundles of helices, several of one fold, which is their superfamily. Fields and couplings follow from the
    backbone's contacts by one law (seqlab.data.contact_potts), so that a model can learn it on some folds and use it
    on others. Sequences are ends of Gibbs chains; encodings are geometric. Nothing is downloaded."""

    folds: int = Field(default=8, ge=2)
    """Superfamilies."""
    members: int = Field(default=3, ge=1)
    """Structures of each."""
    drawn: int = Field(default=100, ge=2)
    """Sequences of each structure."""
    helices: int = Field(default=3, ge=2)
    """Of each bundle; a helix and its loop have some 17 residues."""
    strength: float = Field(default=0.8, ge=0)
    """Factor of the couplings; 0 leaves fields alone."""
    data_seed: int = Field(default=0, ge=0)
    """Of backbones, sequences and splits."""

    def prepare(self) -> PreparedFamilies:
        families = [self._family(fold, member) for fold in range(self.folds) for member in range(self.members)]
        return PreparedFamilies(self, split_families(families, superfamilies=0.2, seed=self.data_seed), {})

    def _family(self, fold: int, member: int) -> Family:
        backbone = bundle(fold, member, helices=self.helices, seed=self.data_seed)
        truth = contact_potts(backbone, strength=self.strength)
        stream = fold * self.members + member
        sequences = draw(truth, self.drawn, seed=self.data_seed, stream=stream)
        return Family(backbone.name, encode(backbone), sequences, superfamily=f"fold{fold}")
