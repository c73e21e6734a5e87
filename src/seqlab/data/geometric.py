"""Structure encodings without weights: what a residue's surroundings look like from its own frame.

Of the 30 nearest residues, nearest first (fewer: zeros behind): distances between backbone atoms as Gaussian bumps, the
direction in the residue's frame, how the neighbour's frame is turned, how far it is along the chain; and the residue's
dihedrals and place in the chain. Unchanged when the structure is moved or turned; mirrored ones differ.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqlab.data.backbones import Backbone

__all__ = ["NEIGHBOURS", "WIDTH", "encode"]

NEIGHBOURS = 30
CENTRES = np.linspace(2.0, 20.0, 8)
"""Of the bumps, in angstrom."""
FARTHEST = 32
"""Residues along the chain from where on a neighbour is just far."""
WAVES = 2.0 ** np.arange(4)
"""Half waves over the chain that tell a residue's place in it."""
PAIRS = ((1, 1), (4, 4), (0, 3), (3, 0))
"""CA-CA, CB-CB, N-O and O-N: the last two are those of hydrogen bonds."""
OF_NEIGHBOUR = len(PAIRS) * len(CENTRES) + 3 + 6 + 2
WIDTH = NEIGHBOURS * OF_NEIGHBOUR + 6 + 2 * len(WAVES)

Array = NDArray[np.float64]


def encode(backbone: Backbone) -> NDArray[np.float32]:
    """(N, WIDTH), numbers from -1 to 1."""
    atoms = np.concatenate([backbone.atoms, backbone.betas[:, None]], 1)
    alphas, frames, count = backbone.alphas, _frames(backbone), len(backbone)
    between = np.linalg.norm(alphas[:, None] - alphas, axis=-1)
    np.fill_diagonal(between, np.inf)
    # Rounded: an ideal helix has equal distances to both sides, and how it lies must not decide which comes first.
    nearest = np.argsort(between.round(6), axis=1, kind="stable")[:, : min(NEIGHBOURS, count - 1)]
    bumps = [
        np.exp(-((np.linalg.norm(atoms[nearest, there] - atoms[:, None, here], axis=-1)[..., None] - CENTRES) ** 2) / 8)
        for here, there in PAIRS
    ]
    towards = alphas[nearest] - alphas[:, None]
    towards /= np.linalg.norm(towards, axis=-1, keepdims=True)
    turned = np.einsum("nax,nkbx->nkab", frames, frames[nearest])[..., :2, :].reshape(count, nearest.shape[1], 6)
    along = np.clip(nearest - np.arange(count)[:, None], -FARTHEST, FARTHEST) / FARTHEST
    seen = np.concatenate(
        [*bumps, np.einsum("nax,nkx->nka", frames, towards), turned, along[..., None], np.abs(along)[..., None] < 1], -1
    )
    padded = np.zeros((count, NEIGHBOURS, OF_NEIGHBOUR))
    padded[:, : nearest.shape[1]] = seen
    return np.concatenate([padded.reshape(count, -1), _dihedrals(backbone), _places(count)], 1).astype(np.float32)


def _frames(backbone: Backbone) -> Array:
    """Rows are the axes of each residue's frame: towards C, in the plane of N, and across: (N, 3, 3)."""
    n, alpha, c = backbone.atoms[:, 0], backbone.atoms[:, 1], backbone.atoms[:, 2]
    first = _unit(c - alpha)
    towards_n = n - alpha
    second = _unit(towards_n - (towards_n * first).sum(-1, keepdims=True) * first)
    return np.stack([first, second, np.cross(first, second)], 1)


def _dihedrals(backbone: Backbone) -> Array:
    """Sines and cosines of phi, psi and omega, zero where the chain ends or breaks: (N, 6)."""
    n, alpha, c = backbone.atoms[:, 0], backbone.atoms[:, 1], backbone.atoms[:, 2]
    found = np.zeros((len(backbone), 6))
    phi, psi = _dihedral(c[:-1], n[1:], alpha[1:], c[1:]), _dihedral(n[:-1], alpha[:-1], c[:-1], n[1:])
    omega = _dihedral(alpha[:-1], c[:-1], n[1:], alpha[1:])
    bonded = backbone.bonded[:, None]
    found[1:, :2], found[:-1, 2:4], found[:-1, 4:] = phi * bonded, psi * bonded, omega * bonded
    return found


def _dihedral(a: Array, b: Array, c: Array, d: Array) -> Array:
    """Sine and cosine of the angle between the planes (a, b, c) and (b, c, d): (N, 2)."""
    axis = _unit(c - b)
    first, second = np.cross(b - a, axis), np.cross(axis, d - c)
    angle = np.arctan2((np.cross(first, second) * axis).sum(-1), (first * second).sum(-1))
    return np.stack([np.sin(angle), np.cos(angle)], -1)


def _places(count: int) -> Array:
    waves = np.pi * np.arange(count)[:, None] / max(count - 1, 1) * WAVES
    return np.concatenate([np.sin(waves), np.cos(waves)], 1)


def _unit(x: Array) -> Array:
    unit: Array = x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-9)
    return unit
