"""Runs audits, and refuses an experiment that cannot be believed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqlab.audits import Audit, AuditFailed, Finding
from seqlab.audits.shared import cited
from seqlab.audits.shared.subject import Subject
from seqlab.journal import Run
from seqlab.journal.files import read_object, replace_json
from seqlab.spec import SpecError, did_you_mean, find, label, members, names
from seqlab.train.training import Training

__all__ = ["Auditor", "Result", "chosen", "defaults", "examine", "refuse"]

SCHEMA = 1
FIRST = "forward_pass"
"""The audit that is taken before all others: of a model that it fails, they would only say the same in other words."""
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


def examine(
    subject: Subject, audits: dict[str, Audit], *, use_cited: bool = True, by_structure: bool = False
) -> Iterator[Result]:
    """The results of the audits that look at this stage, one after the other as they are done, first those that the
    experiment accepts; FIRST's alone where it fails and nobody accepts that.

    by_structure: of experiments that differ in numbers alone, one is looked at and the others cite it. Raises SpecError
    for an audit that breaks its contract.
    """
    (first,) = chosen([FIRST]).values()
    found = _looked(FIRST, first, subject, use_cited, by_structure)
    if found.status == "fail" and FIRST not in subject.experiment.accept:
        yield found
        return
    for name in sorted(audits, key=lambda name: name not in subject.experiment.accept):
        if subject.stage in audits[name].stages:
            yield found if name == FIRST else _looked(name, audits[name], subject, use_cited, by_structure)


def _looked(name: str, audit: Audit, subject: Subject, use_cited: bool, by_structure: bool) -> Result:
    """One audit's result, cited or measured; an audit that breaks on a model has found what a person must look at."""
    started = time.perf_counter()
    place = cited.key(audit, subject, by_structure=by_structure) if use_cited else None
    if place and (known := cited.recall(place)):
        return Result(name, known[0], time.perf_counter() - started, known[1])
    try:
        finding = audit.examine(subject)
    except Exception as error:
        finding = Finding("warn", f"it could not be carried out: {type(error).__name__}: {error}")
    else:
        _must_be_sound(name, finding)
        # The look itself may have loaded more code. What is wrong with one experiment is not said of another one.
        sayable = finding.status == "pass" or not (by_structure and audit.is_of_structure)
        if place and sayable and place == cited.key(audit, subject, by_structure=by_structure):
            cited.keep(place, finding)
    return Result(name, finding, time.perf_counter() - started)


def _must_be_sound(name: str, finding: Any) -> None:
    """Raise SpecError for what is no finding: audits may come from a user's file."""
    if not isinstance(finding, Finding):
        raise SpecError(
            f"the audit `{name}` returns {finding!r}, which is no finding; return `passed(...)` or `failed(...)`."
        )
    if finding.status not in SAYS:
        raise SpecError(f"the audit `{name}` finds `{finding.status}`; a finding is one of {', '.join(SAYS)}.")
    for what, value in finding.measured.items():
        try:
            json.dumps(value)
        except (TypeError, ValueError):
            raise SpecError(
                f"the audit `{name}` measures `{what}`, a {type(value).__name__}, which JSON cannot hold; give numbers "
                "or words."
            ) from None


def defaults(subject: Subject) -> dict[str, Audit]:
    """The audits that run without being asked for."""
    return {name: audit for name, audit in chosen(()).items() if audit.wanted(subject)}


def refuse(results: Sequence[Result], accepted: Sequence[str]) -> None:
    """Raise AuditFailed for a failure that nobody accepted, SpecError for an acceptance of what is not or passed."""
    failures = [result for result in results if result.status == "fail" and result.name not in accepted]
    if FIRST not in {failure.name for failure in failures}:
        _must_have_failed(accepted, {result.name: result.status for result in results})
    if failures:
        told = "\n  ".join(result.sentence() for result in failures)
        raise AuditFailed(
            f"nothing was trained, since {len(failures)} of {len(results)} audits failed:\n  {told}\n"
            f"Mend it; or, if it is meant, add `accept={','.join([*accepted, *(r.name for r in failures)])}`."
        )


def _must_have_failed(accepted: Sequence[str], statuses: Mapping[str, str]) -> None:
    """Raise SpecError for the first accepted name of an audit that did not fail."""
    known = names("audits")
    for name in accepted:
        if name not in known and name not in statuses:
            raise SpecError(f"accept: `{name}` is no audit; {did_you_mean(name, known)}")
        if name in statuses and statuses[name] == "fail":
            continue
        told = f"did not fail ({statuses[name]})" if name in statuses else _why_not_run(name)
        raise SpecError(f"accept: the audit `{name}` {told}; leave it out of `accept`.")


def _why_not_run(name: str) -> str:
    if "before" not in find("audits", name).stages:  # type: ignore[attr-defined]
        return "looks only at what was trained, and stops nothing"
    return "does not run by itself here"


class Auditor:
    """The default audits, as a training is handed them: before its first step, and when it is done.

    by_structure: as in `examine`, for the trials of a sweep.
    """

    def __init__(self, *, by_structure: bool = False) -> None:
        self._by_structure = by_structure

    def before(self, t: Training) -> dict[str, Any]:
        """Audit what was built; returns what the record keeps. Raises AuditFailed, and SpecError for an acceptance of
        what passes: as soon as that is known, for the audits behind it may take minutes."""
        accepted = t.experiment.accept
        results = list[Result]()
        for result in self._examined(Subject(t)):
            results.append(result)
            if result.name in accepted:
                _must_have_failed([result.name], {result.name: result.status})
        refuse(results, accepted)
        return {"schema": SCHEMA, "before": [result.to_json() for result in results], "accepted": list(accepted)}

    def trained(self, t: Training, run: Run) -> list[str]:
        """Audit what was trained, keep it in audits.json; returns a sentence for each alarm."""
        results = list(self._examined(Subject(t, "trained", run=run)))
        place = run.folder / "audits.json"
        kept = read_object(place) or {"schema": SCHEMA}
        replace_json(place, {**kept, "trained": [result.to_json() for result in results]})
        return [f"audit {result.sentence()}" for result in results if result.status != "pass"]

    def _examined(self, subject: Subject) -> Iterator[Result]:
        return examine(subject, defaults(subject), by_structure=self._by_structure)
