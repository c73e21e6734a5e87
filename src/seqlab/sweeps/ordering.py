"""An order that someone claims, from the best group of runs to the worst, beside what the runs say of it."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from seqlab.journal.column_cache import ColumnCache
from seqlab.journal.columns import Columns
from seqlab.journal.contrast import Contrast, contrast
from seqlab.journal.groups import RunGroup
from seqlab.statistics import mean_and_error
from seqlab.sweeps.errors import SweepError
from seqlab.sweeps.rules import Rule, value_of

__all__ = ["Claim", "Ordering", "ordered"]

SAME_SHARE = 0.05
"""Largest difference between two shares of steps that are taken for the same: the first and last are always logged."""


@dataclass(frozen=True)
class Claim:
    """That one group is better than the next."""

    contrast: Contrast
    """The first less the second, with its own 95 % interval."""
    verdict: str
    """"holds" or "fails" where the interval leaves zero out, else "undecided"."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**self.contrast.to_json(), "verdict": self.verdict}


@dataclass(frozen=True)
class Ordering:
    """Groups in the claimed order, with what a rule says of each, and the claims between neighbours."""

    rule: Rule
    values: dict[str, dict[Hashable, float]]
    """By group and then by seed; of every group in the claimed order."""
    claims: tuple[Claim, ...]
    warnings: tuple[str, ...] = ()
    """Sentences: who was left out, and why means may not be of the same."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        groups = {name: [*values.values()] for name, values in self.values.items()}
        claims = [claim.to_json() for claim in self.claims]
        return {"rule": self.rule.to_json(), "groups": groups, "claims": claims, "warnings": list(self.warnings)}

    @property
    def table(self) -> list[tuple[str, float, float | None, int]]:
        """Each group with its mean, its standard error and its number of runs."""
        return [(name, *mean_and_error(found.values()), len(found)) for name, found in self.values.items()]


def ordered(groups: Sequence[RunGroup], rule: Rule) -> Ordering:
    """The claims that each group is better than the next, judged by a rule. Raises SweepError for a value that is no
    number, and for what the rule says and a run did not record."""
    with ColumnCache() as cache:
        values = {group.name: _values(group, rule, cache) for group in groups}
        told = (*(told for group in groups for told in group.warnings()), *_other_steps(groups, rule, cache))
    return Ordering(rule, values, tuple(_claim(a, b, values, rule) for a, b in pairwise(values)), told)


def _values(group: RunGroup, rule: Rule, cache: ColumnCache) -> dict[Hashable, float]:
    found = {}
    for key, run in zip(group.keys, group.runs, strict=True):
        found[key] = value_of(rule, run, cache.columns(run, rule.metric))
        if not math.isfinite(found[key]):
            raise SweepError(f"{rule.metric} of {run.name} is not a finite number; leave {group.name} out")
    return found


def _other_steps(groups: Sequence[RunGroup], rule: Rule, cache: ColumnCache) -> Iterator[str]:
    """A sentence where a rule reduces many lines of training, and one run logged a larger share of its steps than
    another: a method that acts now and then logs a line whenever it does. The first and last are always logged."""
    if not rule.metric.startswith("train") or rule.reduction in ("first", "last"):
        return
    shares = {run.name: _share(cache.columns(run, rule.metric)) for group in groups for run in group.runs}
    least, most = min(shares, key=shares.__getitem__), max(shares, key=shares.__getitem__)
    if shares[most] - shares[least] > SAME_SHARE:
        yield (
            f"{rule.metric} was logged at {shares[least]:.0%} of the steps of {least} and {shares[most]:.0%} of those "
            f"of {most}: each {rule.reduction} is of other steps; train with evaluation.log_every_steps=1"
        )


def _share(columns: Columns) -> float:
    """Of the steps from the first measurement, which is late in a fork, those that have one."""
    steps = columns.count("step")
    return float(len(np.unique(steps)) / (steps.max() - steps.min() + 1))


def _claim(a: str, b: str, values: dict[str, dict[Hashable, float]], rule: Rule) -> Claim:
    better = rule.higher_is_better
    found = contrast((a, b), 0.0, values[a], values[b], pairs=1, higher_is_better=better)
    if not found.is_established:
        return Claim(found, "undecided")
    return Claim(found, "holds" if (found.difference > 0) == better else "fails")
