"""The Potts model that a network emits for a structure, laid out as direct fits give theirs."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from seqlab.couplings.pairwise import Law, Pairwise
from seqlab.couplings.room import must_fit
from seqlab.models.potts import PottsModel

__all__ = ["emitted"]

BYTES = 11
"""At the peak, for each two letters of two sites: couplings laid out in float32, those of pairs in both precisions, and
the network's own pass."""


def emitted(model: PottsModel, encodings: NDArray[np.float32]) -> Pairwise:
    """Of one structure's encodings (N, F). Raises DataError where the couplings need more memory than is free."""
    length = len(encodings)
    must_fit(BYTES * (length * model.size) ** 2, length, model.size, "give a shorter structure")
    fields, couplings = model.fields_and_couplings(torch.from_numpy(encodings))
    i, j = np.triu_indices(length, 1)
    law: Law = "autoregressive" if model.form in ("before", "before_scaled") else "joint"
    return Pairwise(fields.astype(np.float64), couplings[i, :, j].astype(np.float64), law, np.arange(length))
