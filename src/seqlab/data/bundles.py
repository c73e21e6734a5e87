"""Made backbones: bundles of straight helices with ideal geometry, for families that need no download."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqlab.data.backbones import Backbone
from seqlab.data.streams import numpy_stream

__all__ = ["bundle"]

RISE, TURN = 1.5, np.deg2rad(100.0)
"""Angstrom and angle a residue of an alpha helix (Pauling, Corey and Branson 1951)."""
ATOM_PLACES = np.array([[1.55, -0.49, -0.9], [2.29, 0.0, 0.0], [1.68, 0.47, 1.1], [2.0, 0.37, 2.3]])
"""Radius, angle and height of N, CA, C and O of a residue."""
APART = 9.5
"""Angstrom between the axes of neighbouring helices."""
LOOP = 4
"""Residues of a loop."""


def bundle(fold: int, member: int, *, helices: int = 3, seed: int = 0) -> Backbone:
    """Helices up and down, side by side on a grid that the fold decides; a member has lengths, tilts and turns of its
    own. Loops are chains of residues on a line. A pure function of its arguments."""
    draws, own = numpy_stream(seed, "bundle", fold), numpy_stream(seed, "bundle", fold, member)
    cells = draws.permutation([(x, y) for x in range(2) for y in range((helices + 1) // 2)])[:helices] * APART
    lengths = draws.integers(9, 17, helices) + own.integers(-1, 2, helices)
    pieces: list[NDArray[np.float64]] = []
    for index, (cell, count) in enumerate(zip(cells, lengths, strict=True)):
        helix = _helix(int(count), float(draws.uniform(0, 2 * np.pi) + own.normal(0, 0.15)))
        helix = helix * (1, -1, -1) if index % 2 else helix  # down, and still right-handed
        helix = helix @ _tilt(*own.normal(0, 0.06, 2)).T
        helix = helix + np.array([*cell, -helix[:, 1, 2].mean()])
        if pieces:
            pieces.append(_loop(pieces[-1][-1], helix[0]))
        pieces.append(helix)
    atoms = np.concatenate(pieces)
    labels = tuple(f"ALA A {place + 1}" for place in range(len(atoms)))
    return Backbone(f"fold{fold}-{member}", "A" * len(atoms), atoms, labels)


def _helix(count: int, phase: float) -> NDArray[np.float64]:
    steps = np.arange(count)[:, None]
    angles = phase + TURN * steps + ATOM_PLACES[:, 1]
    heights = RISE * steps + ATOM_PLACES[:, 2]
    return np.stack([ATOM_PLACES[:, 0] * np.cos(angles), ATOM_PLACES[:, 0] * np.sin(angles), heights], -1)


def _tilt(about_x: float, about_y: float) -> NDArray[np.float64]:
    c, s, d, t = np.cos(about_x), np.sin(about_x), np.cos(about_y), np.sin(about_y)
    turned: NDArray[np.float64] = np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) @ np.array(
        [[d, 0, t], [0, 1, 0], [-t, 0, d]]
    )
    return turned


def _loop(before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
    """Residues from one to another, their atoms as both ends mixed."""
    shares = np.linspace(0, 1, LOOP + 2)[1:-1, None, None]
    residues: NDArray[np.float64] = before + (after - before) * shares
    return residues
