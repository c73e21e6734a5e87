"""Audits that find what they are told to, and that cannot be carried out."""

from __future__ import annotations

from seqlab.audits import Audit, Finding
from seqlab.audits.shared.subject import Subject

__all__ = ["Always", "Broken", "times"]

times: list[int] = []
"""An entry for each time that one was carried out in a test."""


class Always(Audit):
    """Finds what it is told to find."""

    depends_on = ("model",)

    def examine(self, subject: Subject) -> Finding:
        times.append(1)
        return Finding("fail", "as it was told.", {"times": len(times)})


class Broken(Audit):
    """Cannot be carried out."""

    def examine(self, subject: Subject) -> Finding:
        raise ValueError("no such thing")
