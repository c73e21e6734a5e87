"""The choice that one rule comes to: a pure function of groups, for runs and for simulations alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from seqlab.sweeps.select.arms import Arm, arm_warnings, judged_arms
from seqlab.sweeps.select.boundary import Alarm
from seqlab.sweeps.select.groups import Group
from seqlab.sweeps.select.ties import ALPHA, Beaten, beaten, winner

__all__ = ["Choice", "choose"]


@dataclass(frozen=True)
class Choice:
    """Who wins, who may as well be the best, and what to be wary of."""

    groups: tuple[Group, ...]
    """All cells, the best mean first, those that were not judged last."""
    judged: tuple[Group, ...]
    """The cells that were compared, the best mean first."""
    winner: Group
    ties: tuple[Group, ...]
    """The winner, and every group that none beats."""
    beaten: Mapping[str, Beaten]
    """Cell -> what beats it."""
    arms: tuple[Arm, ...]
    """The cells of each optimiser, each method; a single arm where the sweep varies numbers only."""
    warnings: tuple[str, ...]
    """A sentence each."""

    @property
    def boundary(self) -> tuple[Alarm, ...]:
        """The alarms of every arm, those of the winner's first."""
        ordered = sorted(self.arms, key=lambda arm: arm.winner is not self.winner)
        return tuple(alarm for arm in ordered for alarm in arm.boundary)

    def is_tied(self, group: Group) -> bool:
        """Whether the group may be the best."""
        return group.cell in self._tied

    @cached_property
    def _tied(self) -> frozenset[str]:
        return frozenset(group.cell for group in self.ties)

    def to_json(self) -> dict[str, Any]:
        """Plain values; each group says whether it was judged, is a tie, and what beats it with which chance."""
        return {
            "groups": [self._group(group) for group in self.groups],
            "winner": self._group(self.winner),
            "ties": [self._group(group) for group in self.ties],
            "boundary": [alarm.to_json() for alarm in self.boundary],
            "arms": [arm.to_json() for arm in self.arms],
            "cells_tried": len(self.judged),
            "level": ALPHA,
            "warnings": list(self.warnings),
        }

    def _group(self, group: Group) -> dict[str, Any]:
        lost = self.beaten.get(group.cell)
        return {
            **group.to_json(),
            "judged": lost is not None or self.is_tied(group),
            "tie": self.is_tied(group),
            "beaten_by": lost.by.cell if lost else None,
            "chance": lost.chance if lost else None,
        }


def choose(groups: Sequence[Group], higher_is_better: bool) -> Choice | None:
    """The choice among the groups that have all their seeds; where none has, among those with the most of them.

    None where no group has a value.
    """
    judged = _judged(groups)
    if not judged:
        return None
    best = winner(judged, higher_is_better)
    lost = dict(zip((group.cell for group in judged), beaten(judged, higher_is_better), strict=True))
    by_mean = sorted(judged, key=lambda group: group.mean, reverse=higher_is_better)
    ties = tuple(group for group in by_mean if lost[group.cell] is None)
    others = [group for group in groups if group.cell not in lost]
    arms = judged_arms(judged, higher_is_better)
    return Choice(
        groups=(*by_mean, *others),
        judged=tuple(by_mean),
        winner=best,
        ties=ties,
        beaten={cell: by for cell, by in lost.items() if by is not None},
        arms=tuple(arms),
        warnings=(*_about_seeds(judged, others, best), *arm_warnings(arms, higher_is_better)),
    )


def _judged(groups: Sequence[Group]) -> list[Group]:
    whole = [group for group in groups if group.values and not group.problems]
    if whole:
        return whole
    most = max((len(group.values) for group in groups), default=0)
    return [group for group in groups if most and len(group.values) == most]


def _about_seeds(judged: Sequence[Group], others: Sequence[Group], best: Group) -> list[str]:
    told = []
    if len(best.values) == 1:
        told.append("single seed: no difference between cells is established, so every cell may be the best")
    if any(group.problems for group in judged):
        told.append(f"no cell has all its seeds: judged are the {len(judged)} that have {len(best.values)}")
    if others:
        told.append(f"{len(others)} of {len(judged) + len(others)} cells lack seeds and were not judged")
    return told
