"""Arms of a sweep: cells that differ in numbers only, such as all those of one optimiser or one method.

The more cells an arm has, the better its best one looks; and a method that does not beat doing nothing is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqlab.sweeps.select.groups import Group, typed
from seqlab.sweeps.select.knobs import arm, is_number, knobs
from seqlab.sweeps.select.ties import winner

__all__ = ["Arm", "arm_warnings", "arms", "named"]

Arm = tuple[tuple[str, Any], ...]
NO_OP = (None, "none", "()", "[]", "")
"""Settings that do nothing: no method, no regulariser."""


def arms(groups: Sequence[Group]) -> dict[Arm, list[Group]]:
    """The groups by the settings that are no numbers, in their order; a single arm where there are none."""
    numeric = {path for path, values in knobs(groups).items() if all(map(is_number, values))}
    found: dict[Arm, list[Group]] = {}
    for group in groups:
        found.setdefault(arm(group, numeric), []).append(group)
    return found


def named(one: Arm) -> str:
    """An arm as one would type it: `optim=adamw`."""
    return " ".join(f"{path}={typed(value)}" for path, value in one) or "all cells"


def arm_warnings(groups: Sequence[Group], higher_is_better: bool) -> list[str]:
    """A sentence for arms that were tuned with fewer cells than another, and for each that is below the no-op one."""
    found = arms(groups)
    if len(found) < 2:
        return []
    return [*_unequally_tuned(found), *_below_no_op(found, higher_is_better)]


def _unequally_tuned(found: dict[Arm, list[Group]]) -> list[str]:
    most, least = (pick(found, key=lambda one: len(found[one])) for pick in (max, min))
    if len(found[most]) == len(found[least]):
        return []
    fewer = [f"{named(one)} {len(cells)}" for one, cells in found.items() if len(cells) < len(found[most])]
    return [
        f"not tuned alike: {named(most)} had {len(found[most])} cells to choose from, {', '.join(fewer)}; "
        "the best of more cells looks better than it is"
    ]


def _below_no_op(found: dict[Arm, list[Group]], higher_is_better: bool) -> list[str]:
    nothing = next((one for one in found if one and all(value in NO_OP for _, value in one)), None)
    if nothing is None:
        return []
    floor = winner(found[nothing], higher_is_better)
    told = []
    for one, cells in found.items():
        best = winner(cells, higher_is_better)
        if one != nothing and (best.mean < floor.mean if higher_is_better else best.mean > floor.mean):
            told.append(
                f"{named(one)} is below doing nothing: its best cell has {best.mean:.5g}, {named(nothing)} has "
                f"{floor.mean:.5g}"
            )
    return told
