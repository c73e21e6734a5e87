"""Does another process prepare the same experiment? A set of words has another order in each."""

from __future__ import annotations

import os
from typing import ClassVar

from seqlab.audits import Audit, Finding, Stage, failed, passed
from seqlab.audits.shared.digests import digests, digests_elsewhere
from seqlab.audits.shared.subject import Subject
from seqlab.spec import Field
from seqlab.spec.find import user_files_in

__all__ = ["ProcessIndependence"]


class ProcessIndependence(Audit):
    """A new process finds the same alphabet, batches, held-out inputs and initial weights.

    It takes seconds, so it runs by itself only where the task or the model comes from a user's file.
    """

    stages: ClassVar[tuple[Stage, ...]] = ("before",)
    depends_on: ClassVar[tuple[str, ...]] = ("task", "model", "batch", "seed")
    is_of_structure: ClassVar[bool] = True

    hash_seed: int = Field(default=20231003, ge=1, le=4294967295)
    """PYTHONHASHSEED of the new process, unlike that of this one."""

    def wanted(self, subject: Subject) -> bool:
        return bool(user_files_in(subject.experiment.task) or user_files_in(subject.experiment.model))

    def examine(self, subject: Subject) -> Finding:
        own_seed = os.environ.get("PYTHONHASHSEED")
        seed = self.hash_seed + (own_seed == str(self.hash_seed))
        here, there = digests(subject.experiment, subject.task), digests_elsewhere(subject.experiment, seed)
        other = [name for name in here if here[name] != there[name]]
        measured = {"different": other, "compared": list(here)}
        if other:
            return failed(
                f"another process prepares other {', '.join(other)}: the same seed gives another run each time, and a "
                f"resumed run goes on with them; {_cause(other)}.",
                **measured,
            )
        return passed("another process prepares the same", **measured)


def _cause(other: list[str]) -> str:
    if other == ["initial weights"]:
        return (
            "the model draws from a generator that nobody seeded, or builds from a set, whose order is that of hashes"
        )
    return (
        "the vocabulary is made from a set, whose order is that of hashes (`sorted(set(...))`), or something is drawn "
        "from a generator that nobody seeded"
    )
