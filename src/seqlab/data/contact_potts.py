"""Simulated families: a Potts model that every backbone has by one law of its contacts, and sequences drawn from it.

Its truth is known, it needs no download, and what is learned on some backbones holds on others. It is no protein: each
letter has a hydrophobicity and a charge, a buried site likes the one, and two sites in contact like letters that are
alike in the one and opposite in the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqlab.data.alignments import ALPHABET, GAP
from seqlab.data.backbones import Backbone, contact_map
from seqlab.data.streams import numpy_stream

__all__ = ["ContactPotts", "contact_potts", "draw"]

HYDROPHOBICITY = {
    "A": 1.8, "R": -4.5, "N": -3.5, "D": -3.5, "C": 2.5, "Q": -3.5, "E": -3.5, "G": -0.4, "H": -3.2, "I": 4.5,
    "L": 3.8, "K": -3.9, "M": 1.9, "F": 2.8, "P": -1.6, "S": -0.8, "T": -0.7, "W": -0.9, "Y": -1.3, "V": 4.2,
}  # fmt: skip
"""Kyte and Doolittle 1982."""
CHARGE = {"K": 1.0, "R": 1.0, "H": 0.5, "D": -1.0, "E": -1.0}

DRAWN = ALPHABET[:GAP]
"""The letters that are drawn: no gap."""


@dataclass(frozen=True)
class ContactPotts:
    """p(x) ~ exp(sum_i h_i(x_i) + sum over contacts i < j of J(x_i, x_j))."""

    fields: NDArray[np.float64]
    """(N, 20)."""
    pair: NDArray[np.float64]
    """J, the same for every contact: (20, 20), symmetric."""
    contacts: NDArray[np.bool_]
    """(N, N)."""


def contact_potts(backbone: Backbone, *, strength: float = 0.8, separation: int = 3) -> ContactPotts:
    """The model of a backbone: contacts by C-beta below 8 angstrom, burial by their number."""
    contacts = contact_map(backbone, separation=separation)
    hydrophobic = np.array([HYDROPHOBICITY[letter] for letter in DRAWN]) / 4.5
    charge = np.array([CHARGE.get(letter, 0.0) for letter in DRAWN])
    burial = contacts.sum(1) - contacts.sum(1).mean()
    pair = strength * (np.outer(hydrophobic, hydrophobic) - np.outer(charge, charge))
    return ContactPotts(0.15 * burial[:, None] * hydrophobic, pair, contacts)


def draw(model: ContactPotts, count: int, *, sweeps: int = 30, seed: int = 0, stream: int = 0) -> NDArray[np.uint8]:
    """`count` sequences (count, N), each the end of a Gibbs chain of its own from uniform letters."""
    draws = numpy_stream(seed, "gibbs", stream)
    sites = len(model.fields)
    letters = draws.integers(0, len(DRAWN), (count, sites))
    near = [np.flatnonzero(row) for row in model.contacts]
    for _ in range(sweeps):
        for site in draws.permutation(sites):
            logits = model.fields[site] + model.pair[letters[:, near[site]]].sum(1)
            letters[:, site] = (logits + draws.gumbel(size=logits.shape)).argmax(1)
    return letters.astype(np.uint8)
