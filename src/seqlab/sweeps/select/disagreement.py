"""What another rule would have chosen, and whether that matters: "ran / should have been / re-run?"."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqlab.statistics import mean_and_error
from seqlab.sweeps.select.arms import judged_arms
from seqlab.sweeps.select.choice import Choice
from seqlab.sweeps.select.groups import Group
from seqlab.sweeps.select.ties import beaten, winner

__all__ = ["Regret", "in_errors", "rank_correlation", "regret", "regrets"]


@dataclass(frozen=True)
class Regret:
    """Of one arm: the cell that a rule chose, and the one that the rule to be believed chooses."""

    arm: str
    ran: Group
    should_have_been: Group
    difference: float
    """By the rule to be believed, how much worse the one that ran is; over the seeds that both have."""
    standard_errors: float | None
    """The difference in standard errors of itself, paired over seeds; None for a single seed."""
    re_run: bool
    """Whether the one that ran is beaten, and not merely second in the noise."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "arm": self.arm,
            "ran": self.ran.cell,
            "ran_settings": dict(self.ran.settings),
            "should_have_been": self.should_have_been.cell,
            "should_have_been_settings": dict(self.should_have_been.settings),
            "difference": self.difference,
            "standard_errors": self.standard_errors,
            "re_run": self.re_run,
        }


def regrets(ran: Choice, believed: Choice, ran_higher: bool, believed_higher: bool) -> list[Regret]:
    """For each arm the two choices, where both rules judged both cells."""
    judged = {group.cell: group for group in believed.judged}
    common = [group for group in ran.judged if group.cell in judged]
    found = []
    for arm in judged_arms(common, ran_higher):
        rivals = [judged[group.cell] for group in arm.groups]
        found.append(regret(arm.name, judged[arm.winner.cell], rivals, believed_higher))
    return found


def regret(arm: str, ran: Group, rivals: Sequence[Group], higher_is_better: bool) -> Regret:
    """What it cost to run `ran`, one of `rivals`, in place of their best."""
    best = winner(rivals, higher_is_better)
    sign = 1 if higher_is_better else -1
    difference, error = mean_and_error(
        [sign * (best.values[seed] - ran.values[seed]) for seed in best.values if seed in ran.values]
    )
    lost = dict(zip((group.cell for group in rivals), beaten(rivals, higher_is_better), strict=True))
    return Regret(arm, ran, best, difference, in_errors(difference, error), re_run=lost[ran.cell] is not None)


def in_errors(difference: float, error: float | None) -> float | None:
    """A difference over its standard error; 0 of none, however exact."""
    if error is None:
        return None
    if difference == 0:
        return 0.0
    return difference / error if error else math.inf


def rank_correlation(a: Choice, b: Choice, a_higher: bool, b_higher: bool) -> float | None:
    """How alike two rules order the cells, from -1 to 1: Spearman's, equal means sharing their ranks.

    None for fewer than three cells that both judge, and where a rule finds all of them equal.
    """
    means = {group.cell: group.mean for group in b.judged}
    common = [group for group in a.judged if group.cell in means]
    if len(common) < 3:
        return None
    one = _ranks([group.mean for group in common])
    other = _ranks([means[group.cell] for group in common])
    if not (one.std() and other.std()):
        return None
    return float(np.corrcoef(one, other)[0, 1]) * (1 if a_higher == b_higher else -1)


def _ranks(values: list[float]) -> NDArray[np.float64]:
    """The rank of each value, from below; of equal ones the mean of theirs."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[which]
    return ranks
