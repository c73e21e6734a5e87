"""Sequences drawn from a pairwise model, many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from seqlab.couplings.pairwise import Pairwise

__all__ = ["STEPS", "Steps", "ancestral", "gibbs", "metropolis"]

Letters = NDArray[np.uint8]
Steps = Literal["gibbs", "metropolis"]
"""How chains move: see the functions of these names."""
Rule = Callable[[Tensor, Tensor, torch.Generator], Tensor]
"""(chains, q) logits of a site given all others, (chains,) its letters -> its next letters."""


def ancestral(model: Pairwise, count: int, seed: int = 0) -> Letters:
    """Independent sequences (count, L) of an autoregressive model, site by site. Raises ValueError for another."""
    if model.law != "autoregressive":
        raise ValueError("only an autoregressive model is drawn site by site; draw from this one by chains.")
    length, size = model.fields.shape
    rows = torch.from_numpy(model.pairs).float().reshape(-1, size)  # of each pair and each letter of its first site
    fields = torch.from_numpy(model.fields).float()
    noise = _gumbel((length, count, size), torch.Generator().manual_seed(seed))
    before = torch.arange(length)
    firsts = before * (2 * length - before - 1) // 2 - before - 1  # the pair (j, i) is number firsts[j] + i
    letters = torch.empty(count, length, dtype=torch.int64)
    for site in range(length):
        logits = fields[site] + noise[site]
        if site:
            seen = letters[:, :site] + (firsts[:site] + site) * size
            logits = logits + F.embedding_bag(seen, rows, mode="sum")
        letters[:, site] = logits.argmax(1)
    drawn: Letters = letters[:, np.argsort(model.order)].numpy().astype(np.uint8)
    return drawn


def gibbs(model: Pairwise, chains: int, seed: int = 0) -> Iterator[Letters]:
    """The chains' sequences (chains, L) after each sweep over all sites, from letters drawn by chance. For ever.

    A site's letter is drawn given all others, sites in a new random order each sweep. Raises ValueError for an
    autoregressive model, from which `ancestral` draws exactly.
    """
    return _sweeps(model, chains, seed, _redrawn)


def metropolis(model: Pairwise, chains: int, seed: int = 0) -> Iterator[Letters]:
    """The same by Metropolis steps: each site is offered a letter by chance, and takes it with the probability
    min(1, exp of what the score gains). Of all letters one is offered, so that chains need more sweeps."""
    return _sweeps(model, chains, seed, _accepted)


STEPS: Mapping[Steps, Callable[[Pairwise, int, int], Iterator[Letters]]] = {"gibbs": gibbs, "metropolis": metropolis}


def _sweeps(model: Pairwise, chains: int, seed: int, rule: Rule) -> Iterator[Letters]:
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
            letters[:, site] = rule(logits, letters[:, site], generator)
        yield letters.numpy().astype(np.uint8)


def _redrawn(logits: Tensor, letters: Tensor, generator: torch.Generator) -> Tensor:
    return (logits + _gumbel(tuple(logits.shape), generator)).argmax(1)


def _accepted(logits: Tensor, letters: Tensor, generator: torch.Generator) -> Tensor:
    offered = torch.randint(logits.shape[1], letters.shape, generator=generator)
    gain = (logits.gather(1, offered[:, None]) - logits.gather(1, letters[:, None]))[:, 0]
    return torch.where(torch.rand(gain.shape, generator=generator).log() < gain, offered, letters)


def _gumbel(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Noise whose largest sum with logits is at a letter as probable as the logits say."""
    return -torch.empty(shape).exponential_(generator=generator).log()
