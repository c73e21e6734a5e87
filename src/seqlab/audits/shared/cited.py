"""Findings that need not be measured again: kept in the user's cache, by what they depend on and by the code."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from seqlab.audits import Audit, Finding
from seqlab.audits.shared import code
from seqlab.audits.shared.reads import parts_in
from seqlab.audits.shared.subject import Subject
from seqlab.data import cache
from seqlab.journal.clock import now
from seqlab.places import cache_folder
from seqlab.spec import SpecError, did_you_mean, label, to_json

__all__ = ["keep", "key", "recall"]


def key(audit: Audit, subject: Subject, *, by_structure: bool = False) -> str | None:
    """What the finding of an audit depends on, as a hash; None where it must be measured each time.

    by_structure: an audit that looks at no more than the structure is cited by that, also of what was trained.
    Raises SpecError for a field in `depends_on` that no experiment has.
    """
    by_structure = by_structure and audit.is_of_structure
    if not audit.depends_on or subject.is_planted or not (subject.is_fresh or by_structure):
        return None
    by_user = code.of_user()
    parts = [audit, *(part for _, part in parts_in(subject.experiment))]
    if by_user is None or not all(code.has_source(part) for part in parts):
        return None
    t, saved = subject.training, subject.saved
    if unknown := [name for name in audit.depends_on if name not in saved]:
        raise SpecError(
            f"the audit {label(type(audit))} depends on `{unknown[0]}`, which is no field of an experiment; "
            f"{did_you_mean(unknown[0], saved)}"
        )
    decisive = subject.structure if by_structure else saved
    decided_by = {
        "audit": to_json(audit),
        "experiment": {name: decisive.get(name) for name in audit.depends_on},
        "stage": subject.stage if by_structure else "before",
        "task": saved["task"]["part"],
        "signature": vars(t.task.signature),
        "data": sorted(t.task.fingerprints.values()),
        "where": [str(t.device), str(t.dtype), torch.__version__],
        "code": [code.of_seqlab(), by_user],
    }
    return hashlib.sha256(json.dumps(decided_by, sort_keys=True).encode()).hexdigest()[:24]


def recall(place: str) -> tuple[Finding, str] | None:
    """A finding that was kept and when it was measured, or None."""
    try:
        kept: dict[str, Any] = json.loads(_path(place).read_text())
        return Finding(kept["status"], kept["message"], kept["measured"]), kept["time"]
    except (OSError, ValueError, KeyError):
        return None  # not measured, or a cache that cannot be read: it is measured again


def keep(place: str, finding: Finding) -> None:
    """Keep a finding; a cache that cannot be written only costs time."""
    with suppress(cache.CacheUnwritable):
        cache.write(_path(place), json.dumps({**vars(finding), "time": now()}).encode())


def _path(place: str) -> Path:
    return cache_folder() / "audits" / f"{place}.json"
