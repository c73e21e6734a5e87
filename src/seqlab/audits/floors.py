"""Has the model learned more than a trivial one? A number at a floor is no result."""

from __future__ import annotations

from typing import ClassVar

from seqlab.audits import Audit, Finding, Stage, not_applicable, passed, warned
from seqlab.audits.shared.results import Result, result
from seqlab.audits.shared.subject import Subject
from seqlab.spec import Field

__all__ = ["Floors"]


class Floors(Audit):
    """The held-out result must pass every floor of the task: chance, the trivial models, and the plain baseline, which
    is the hardest of them."""

    stages: ClassVar[tuple[Stage, ...]] = ("trained",)
    margin: float = Field(default=0.01, ge=0)
    """A result that is no further from a floor than this share of it is at the floor."""

    def examine(self, subject: Subject) -> Finding:
        found = result(subject)
        if found is None:
            return not_applicable("there is no held-out result, or the task knows no floor")
        chance, baseline = found.floors[0], found.floors[-1]
        measured = {found.metric: found.value, "limit": baseline[1], "steps": subject.training.step}
        not_passed = [floor for floor in found.floors if not found.passes(floor[1], self.margin)]
        if chance in not_passed:
            return warned(self._told(found, chance, "chance: nothing was learned"), **measured)
        if not_passed:
            name = "the plain baseline" if not_passed[0] == baseline else "a trivial model"
            return warned(self._told(found, not_passed[0], f"{name}, which needs no training"), **measured)
        return passed(f"{found.metric} {found.value:.4g} passes every floor, {baseline[0]} last", **measured)

    def _told(self, found: Result, floor: tuple[str, float], what: str) -> str:
        name, value = floor
        place = "at" if abs(found.value - value) <= self.margin * abs(value) else "worse than"
        return f"{found.metric} {found.value:.4g} is {place} {name} ({value:.4g}), {what}."
