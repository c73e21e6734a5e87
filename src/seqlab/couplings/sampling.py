"""Sequences drawn from a pairwise model, many at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from seqlab.couplings.pairwise import Pairwise

__all__ = ["ancestral", "gibbs"]

Letters = NDArray[np.uint8]


def ancestral(model: Pairwise, count: int, seed: int = 0) -> Letters:
    """Independent sequences (count, L) of an autoregressive model, site by site. Raises ValueError for another."""
    if model.law != "autoregressive":
        raise ValueError("only an autoregressive model is drawn site by site; draw from this one by Gibbs steps.")
    length, size = model.fields.shape
    pairs = torch.from_numpy(model.pairs).float()
    logits = torch.from_numpy(model.fields).float().expand(count, length, size).contiguous()
    noise = _gumbel((length, count, size), torch.Generator().manual_seed(seed))
    letters = np.empty((count, length), np.uint8)
    first = 0
    for site, column in enumerate(model.order.tolist()):
        chosen = (logits[:, site] + noise[site]).argmax(1)
        letters[:, column] = chosen.numpy()
        later = length - 1 - site
        block = pairs[first : first + later].transpose(0, 1).reshape(size, later * size)
        logits[:, site + 1 :] += block[chosen].view(count, later, size)
        first += later
    return letters


def gibbs(model: Pairwise, chains: int, seed: int = 0) -> Iterator[Letters]:
    """The chains' sequences (chains, L) after each sweep over all sites, from letters drawn by chance. For ever.

    A site's letter is drawn given all others, sites in a new random order each sweep. Raises ValueError for an
    autoregressive model, from which `ancestral` draws exactly.
    """
    if model.law != "joint":
        raise ValueError("an autoregressive model is drawn from site by site, exactly.")
    length, size = model.fields.shape
    generator = torch.Generator().manual_seed(seed)
    tables = torch.from_numpy(model.couplings()).float().permute(0, 2, 3, 1).reshape(length, length * size, size)
    fields = torch.from_numpy(model.fields).float()
    starts = torch.arange(length) * size
    letters = torch.randint(size, (chains, length), generator=generator)
    while True:
        for site in torch.randperm(length, generator=generator).tolist():
            logits = F.embedding_bag(letters + starts, tables[site], mode="sum") + fields[site]
            letters[:, site] = (logits + _gumbel((chains, size), generator)).argmax(1)
        yield letters.numpy().astype(np.uint8)


def _gumbel(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Noise whose largest sum with logits is at a letter as probable as the logits say."""
    return -torch.empty(shape).exponential_(generator=generator).log()
