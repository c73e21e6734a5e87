"""Runs audits, and refuses an experiment that cannot be believed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from seqlab.audits import Audit, AuditFailed, Finding
from seqlab.audits.shared import cited
from seqlab.audits.shared.subject import Subject
from seqlab.journal import Run
from seqlab.journal.files import read_object, replace_json
from seqlab.spec import SpecError, did_you_mean, find, label, members, names
from seqlab.train.training import Training

__all__ = ["Auditor", "Result", "chosen", "examine", "refuse"]

SCHEMA = 1
SAYS = {"pass": "passes", "warn": "warns", "fail": "fails"}


@dataclass(frozen=True)
class Result:
    """An audit's finding, with what it cost."""

    name: str
    finding: Finding
    seconds: float
    measured_at: str | None = None
    """When it was measured, where it is cited and not measured now."""

    @property
    def status(self) -> str:
        """pass, warn or fail."""
        return self.finding.status

    def to_json(self) -> dict[str, Any]:
        """Plain values: name, status, measured, message, seconds; cited findings also when they were measured."""
        told: dict[str, Any] = {"name": self.name, "status": self.status, "measured": dict(self.finding.measured)}
        told["message"] = self.finding.message
        told["seconds"] = round(self.seconds, 3)
        return told | ({"measured_at": self.measured_at} if self.measured_at else {})

    def sentence(self) -> str:
        """`causality fails: ...`"""
        return f"{self.name} {SAYS[self.status]}: {self.finding.message}"


def chosen(wanted: Sequence[str]) -> dict[str, Audit]:
    """The audits of these names (`causality`, `./mine.py:Mine`) with their own limits; all shipped ones for none.

    Raises SpecError naming the nearest.
    """
    classes = {name: find("audits", name) for name in wanted} if wanted else members("audits")
    made = {label(cls).rpartition("/")[2]: cls() for cls in classes.values()}
    return {name: audit for name, audit in made.items() if isinstance(audit, Audit)}


def examine(subject: Subject, audits: dict[str, Audit], *, use_cited: bool = True) -> Iterator[Result]:
    """The results of the audits that look at this stage, one after the other as they are done."""
    for name, audit in audits.items():
        if subject.stage not in audit.stages:
            continue
        started = time.perf_counter()
        place = cited.key(audit, subject) if use_cited else None
        known = cited.recall(place) if place else None
        finding, measured_at = known or (_measured(audit, subject), None)
        if place and known is None:
            cited.keep(place, finding)
        yield Result(name, finding, time.perf_counter() - started, measured_at)


def _measured(audit: Audit, subject: Subject) -> Finding:
    """The finding; an audit that breaks on a model has found something that a person must look at."""
    try:
        return audit.examine(subject)
    except Exception as error:
        return Finding("warn", f"it could not be carried out: {type(error).__name__}: {error}")


def defaults(subject: Subject) -> dict[str, Audit]:
    """The audits that run without being asked for."""
    return {name: audit for name, audit in chosen(()).items() if audit.wanted(subject)}


def refuse(results: Sequence[Result], accepted: Sequence[str]) -> None:
    """Raise AuditFailed for a failure that nobody accepted, SpecError for an acceptance of what is not or passed."""
    statuses = {result.name: result.status for result in results}
    for name in accepted:
        if name not in statuses:
            known = names("audits")
            where = "looks at what was trained, and stops nothing" if name in known else "is no audit"
            raise SpecError(f"accept: `{name}` {where}; {did_you_mean(name, known)}")
        if statuses[name] != "fail":
            raise SpecError(f"accept: the audit `{name}` did not fail ({statuses[name]}); leave it out of `accept`.")
    failures = [result for result in results if result.status == "fail" and result.name not in accepted]
    if failures:
        told = "\n  ".join(result.sentence() for result in failures)
        raise AuditFailed(
            f"nothing was trained, since {len(failures)} of {len(results)} audits failed:\n  {told}\n"
            f"Mend it; or, if it is meant, add `accept={','.join([*accepted, *(r.name for r in failures)])}`."
        )


class Auditor:
    """The default audits, as a training is handed them: before its first step, and when it is done."""

    def before(self, t: Training) -> dict[str, Any]:
        """Audit what was built; returns what the record keeps. Raises AuditFailed, SpecError."""
        results = _all(Subject(t))
        refuse(results, t.experiment.accept)
        accepted = list(t.experiment.accept)
        return {"schema": SCHEMA, "before": [result.to_json() for result in results], "accepted": accepted}

    def trained(self, t: Training, run: Run) -> list[str]:
        """Audit what was trained, keep it in audits.json; returns a sentence for each alarm."""
        results = _all(Subject(t, "trained", run=run))
        place = run.folder / "audits.json"
        kept = read_object(place) or {"schema": SCHEMA}
        replace_json(place, {**kept, "trained": [result.to_json() for result in results]})
        return [f"audit {result.sentence()}" for result in results if result.status != "pass"]


def _all(subject: Subject) -> list[Result]:
    return list(examine(subject, defaults(subject)))
