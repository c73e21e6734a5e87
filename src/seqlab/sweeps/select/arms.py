"""Arms of a sweep: cells that differ in numbers only, such as all those of one optimiser or one method.

The more cells an arm has, the better its best one looks; and a method that does not beat doing nothing is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from seqlab.sweeps.select.boundary import Alarm, alarms
from seqlab.sweeps.select.groups import Group, typed
from seqlab.sweeps.select.knobs import is_ordered, knobs, without
from seqlab.sweeps.select.ties import beaten, winner

__all__ = ["Arm", "arm_warnings", "judged_arms"]

NO_OP = (None, "none", "()", "[]", "")
"""Settings that do nothing: no method, no regulariser."""


@dataclass(frozen=True)
class Arm:
    """The cells of one optimiser, one method: what is best among them, and whether it lies on an edge."""

    settings: tuple[tuple[str, Any], ...]
    """Those that are no numbers: path and value."""
    groups: tuple[Group, ...]
    winner: Group
    ties: tuple[Group, ...]
    boundary: tuple[Alarm, ...]

    @property
    def name(self) -> str:
        """As one would type it: `optim=adamw`; "all cells" in a sweep that varies numbers only."""
        return " ".join(f"{path}={typed(value)}" for path, value in self.settings) or "all cells"

    @property
    def does_nothing(self) -> bool:
        """Whether it is the one to which a method is compared: none at all."""
        return bool(self.settings) and all(value in NO_OP for _, value in self.settings)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "arm": self.name,
            "cells": len(self.groups),
            "winner": self.winner.cell,
            "mean": self.winner.mean,
            "standard_error": self.winner.standard_error,
            "ties": [group.cell for group in self.ties],
            "boundary": [str(alarm) for alarm in self.boundary],
        }


def judged_arms(groups: Sequence[Group], higher_is_better: bool) -> list[Arm]:
    """The arms of some groups, in their order; a single one where all settings are numbers."""
    numeric = {path for path, values in knobs(groups).items() if is_ordered(values)}
    members: dict[tuple[tuple[str, Any], ...], list[Group]] = {}
    for group in groups:
        members.setdefault(tuple(without(group.settings, *numeric).items()), []).append(group)
    return [_judged(settings, cells, higher_is_better, len(members) > 1) for settings, cells in members.items()]


def _judged(settings: tuple[tuple[str, Any], ...], groups: list[Group], higher_is_better: bool, is_named: bool) -> Arm:
    best = winner(groups, higher_is_better)
    lost = beaten(groups, higher_is_better)
    ties = tuple(group for group, by in zip(groups, lost, strict=True) if by is None)
    bare = Arm(settings, tuple(groups), best, ties, ())
    return replace(bare, boundary=tuple(alarms(bare.name if is_named else "", groups, best, ties)))


def arm_warnings(arms: Sequence[Arm], higher_is_better: bool) -> list[str]:
    """A sentence for arms that were tuned with fewer cells than another, and for each that is below the no-op one."""
    return [*_unequally_tuned(arms), *_below_no_op(arms, higher_is_better)]


def _unequally_tuned(arms: Sequence[Arm]) -> list[str]:
    most = max(arms, key=lambda arm: len(arm.groups))
    fewer = [f"{arm.name} {len(arm.groups)}" for arm in arms if len(arm.groups) < len(most.groups)]
    if not fewer:
        return []
    return [
        f"not tuned alike: {most.name} had {len(most.groups)} cells to choose from, {', '.join(fewer)}; "
        "the best of more cells looks better than it is"
    ]


def _below_no_op(arms: Sequence[Arm], higher_is_better: bool) -> list[str]:
    nothing = next((arm for arm in arms if arm.does_nothing), None)
    if nothing is None:
        return []
    floor = nothing.winner.mean
    return [
        f"{arm.name} is below doing nothing: its best cell has {arm.winner.mean:.5g}, {nothing.name} has {floor:.5g}"
        for arm in arms
        if arm is not nothing and (arm.winner.mean < floor if higher_is_better else arm.winner.mean > floor)
    ]
