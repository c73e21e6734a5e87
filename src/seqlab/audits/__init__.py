"""Audits: checks whether a run can be believed, one a file, all under the contract written here.

An audit looks at a subject (`shared/subject.py`): an experiment that was built, or what was trained. It changes
nothing of it. `shared/gate.py` runs them and refuses what fails.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from seqlab.spec import Part

if TYPE_CHECKING:
    from seqlab.audits.shared.subject import Subject

__all__ = ["Audit", "AuditFailed", "Finding", "Stage", "failed", "not_applicable", "passed", "warned"]

Stage = Literal["before", "trained"]
"""When an audit looks: before the first step, or at what was trained."""


class AuditFailed(Exception):
    """An experiment that cannot be believed: what failed, and how to go on; one sentence for each audit."""


@dataclass(frozen=True)
class Finding:
    """What an audit found."""

    status: Literal["pass", "warn", "fail"]
    message: str
    """One sentence. Of a warning or a failure: what is wrong, where, and what it most likely comes from."""
    measured: Mapping[str, Any] = field(default_factory=dict)
    """What was measured, JSON values by name; `limit` is the value that the first of them is held against."""


def passed(message: str, **measured: Any) -> Finding:
    """A finding that nothing is wrong."""
    return Finding("pass", message, measured)


def warned(message: str, **measured: Any) -> Finding:
    """A finding that is told and marked, and stops nothing."""
    return Finding("warn", message, measured)


def failed(message: str, **measured: Any) -> Finding:
    """A finding that stops the run, unless the experiment names the audit in `accept`."""
    return Finding("fail", message, measured)


def not_applicable(why: str) -> Finding:
    """A finding that there is nothing to measure here."""
    return Finding("pass", f"does not apply: {why}")


class Audit(Part, kind="audits"):
    """A check whether a run can be believed. Its fields are its limits."""

    stages: ClassVar[tuple[Stage, ...]] = ("before", "trained")
    """When it looks. Alarms about results look at what was trained."""
    depends_on: ClassVar[tuple[str, ...]] = ()
    """The fields of the experiment that decide its finding before training, beside the data and the code: where they
    are as they were, the finding is cited and not measured again. Empty: it is measured every time."""
    is_of_structure: ClassVar[bool] = False
    """Whether rates, strengths, the seed and training do not decide its finding: of the cells of a sweep that differ in
    those alone, one that passes is cited by the others."""

    def wanted(self, subject: Subject) -> bool:
        """Whether it runs when nobody asks for it by name."""
        return True

    @abstractmethod
    def examine(self, subject: Subject) -> Finding:
        """Measure. Leaves the subject, its weights and torch's global generators as they were."""
