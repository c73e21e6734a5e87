"""Findings that need not be measured again: kept in the user's cache, by what they depend on and by the code."""

from __future__ import annotations

import functools
import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

import seqlab
from seqlab.audits import Audit, Finding
from seqlab.audits.shared.subject import Subject
from seqlab.data import cache
from seqlab.journal.clock import now
from seqlab.spec import to_json

__all__ = ["keep", "key", "recall"]


def key(audit: Audit, subject: Subject) -> str | None:
    """What the finding of an audit depends on, as a hash; None where it must be measured each time."""
    if not audit.depends_on or not subject.is_fresh or subject.is_planted:
        return None
    t, saved = subject.training, to_json(subject.experiment)
    decided_by = {
        "audit": to_json(audit),
        "experiment": {name: saved[name] for name in audit.depends_on},
        "task": saved["task"]["part"],
        "signature": vars(t.task.signature),
        "data": sorted(t.task.fingerprints.values()),
        "where": [str(t.device), str(t.dtype), torch.__version__],
        "code": code(),
    }
    return hashlib.sha256(json.dumps(decided_by, sort_keys=True).encode()).hexdigest()[:24]


@functools.cache
def code() -> str:
    """A hash of this program's own files; those of a user are named in the experiment by theirs."""
    digest = hashlib.sha256()
    folder = Path(str(seqlab.__file__)).parent
    for path in sorted(folder.rglob("*.py")):
        if path.relative_to(folder).parts[0] not in ("cli", "bench", "web"):
            digest.update(path.read_bytes())
    return digest.hexdigest()


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
    return cache.folder() / "audits" / f"{place}.json"
