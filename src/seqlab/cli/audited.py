"""Audits in the record, told in a few words. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seqlab.cli import render

__all__ = ["counted", "warnings"]

Findings = Sequence[Mapping[str, Any]]
"""The findings of a stage as audits.json keeps them."""


def counted(findings: Findings) -> str:
    """`24 audits passed, 1 warned (1.2 s)`; "" where there are none."""
    if not findings:
        return ""
    counts = {status: sum(found["status"] == status for found in findings) for status in ("pass", "warn", "fail")}
    told = [f"{counts['pass']} audits passed"]
    told += [f"{counts[status]} {status}ed" for status in ("warn", "fail") if counts[status]]
    return f"{', '.join(told)} ({render.duration(sum(found['seconds'] for found in findings))})"


def warnings(findings: Findings) -> Iterator[str]:
    """A line for each finding that is not well."""
    for found in findings:
        if found["status"] != "pass":
            yield f"audit {found['name']} {found['status']}s: {found['message']}"
