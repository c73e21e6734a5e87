"""Which cells of a sweep may be the best, given the noise between seeds.

A cell leaves the tie set when some other cell beats it: in a one-sided t test of their differences, paired over seeds
(equal seeds share initial weights and the order of the data), at the level `ALPHA` divided by the number of others.

Why this one. What is wanted is a set that contains the truly best cell with a probability of at least 1 - ALPHA: the
subset selection of Gupta (1965, Technometrics 7:225), the confidence side of Hsu's multiple comparisons with the best
(1984, Annals of Statistics 12:1136). The truly best cell is lost only when one of the K - 1 others is found better than
it, each with a chance of at most ALPHA / (K - 1): by the union bound the set keeps it as promised, whatever the other
cells are like. A correction over all pairs (Holm, Tukey) would pay for questions that are not asked. Differences are
taken pair by pair with a variance of their own, for the cells of a sweep are not alike: a learning rate too high is
noisy, a good one is not. A variance pooled over all cells (Gupta's and Hsu's) is sharper with three seeds, but when the
best cell is the noisy one it loses it in up to 30 % of simulated sweeps. Permutations of signs are no way out: three
seeds have eight, so no p value is below 1/8.

That the differences are about normal is assumed. An accuracy goes in steps of one example, and few seeds may differ all
alike by chance: the smallest step q between two values adds q^2 / 6 to each variance (Sheppard's correction, for the
difference of two rounded values). Without it, coarse accuracies of two seeds lose the best cell in half of the sweeps.

With a single seed nothing is established, and every cell stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqlab.statistics import quantile, rounding, upper_tail
from seqlab.sweeps.select.groups import Group

__all__ = ["ALPHA", "Beaten", "beaten", "winner"]

ALPHA = 0.05


class Beaten(NamedTuple):
    """Why a cell is no tie of the best."""

    by: Group
    """The group that beats it most clearly."""
    chance: float
    """Of a lead like that if it were none: the p value times the number of comparisons."""


def winner(groups: Sequence[Group], higher_is_better: bool) -> Group:
    """The group of the best mean; of equal ones the first."""
    return (max if higher_is_better else min)(groups, key=lambda group: group.mean)


def beaten(groups: Sequence[Group], higher_is_better: bool, alpha: float = ALPHA) -> list[Beaten | None]:
    """For each group what beats it; None: it belongs to the tie set, as the best mean always does."""
    if len(groups) < 2:
        return [None] * len(groups)
    values = _by_seed(groups) if higher_is_better else -_by_seed(groups)
    coarseness, level = rounding(values), alpha / (len(groups) - 1)
    return [_beaten(values - own, coarseness, groups, level) for own in values]


def _by_seed(groups: Sequence[Group]) -> NDArray[np.float64]:
    """(groups, seeds): the values, NaN where a group lacks a seed."""
    seeds = sorted({seed for group in groups for seed in group.values})
    return np.array([[group.values.get(seed, np.nan) for seed in seeds] for group in groups])


def _beaten(leads: NDArray[np.float64], coarseness: float, groups: Sequence[Group], level: float) -> Beaten | None:
    """leads: (groups, seeds), how much better each group is than the one that is asked about."""
    common = (~np.isnan(leads)).sum(axis=1)
    counts = np.maximum(common, 2)
    means = np.nansum(leads, axis=1) / counts
    variances = np.nansum((leads - means[:, None]) ** 2, axis=1) / (counts - 1) + coarseness
    with np.errstate(divide="ignore", invalid="ignore"):  # no noise at all
        statistics = np.where((common >= 2) & (means > 0), means / np.sqrt(variances / counts), 0.0)
    limits = {count: quantile(level, count - 1) for count in set(counts.tolist())}
    margins = statistics / np.array([limits[count] for count in counts.tolist()])
    best = int(np.argmax(margins))
    if margins[best] <= 1:
        return None
    chance = upper_tail(float(statistics[best]), int(counts[best]) - 1)
    return Beaten(groups[best], chance * (len(groups) - 1))
