"""What audits found before the first step and of what was trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seqlab.report.page import Alarm, Block, Facts, Folded, Table
from seqlab.wording import plain

__all__ = ["audit_blocks"]

STAGES = {"before": "before training", "trained": "of what was trained"}


def audit_blocks(audits: Mapping[str, Any]) -> list[Block]:
    """How many passed, what every other one says, and all of them with what they measured; nothing where nothing was
    audited."""
    stages = {title: audits[stage] for stage, title in STAGES.items() if audits.get(stage)}
    if not stages:
        return []
    accepted = audits.get("accepted") or []
    blocks: list[Block] = [Facts([(title, _counted(findings)) for title, findings in stages.items()])]
    for title, findings in stages.items():
        blocks += [
            Alarm(f"{found['name']} {found['status']}s, {title}: {found.get('message', '')}")
            for found in findings
            if found["status"] != "pass"
        ]
    if accepted:
        blocks.append(Alarm(f"accepted in spite of their failure: {', '.join(accepted)}"))
    rows = [
        [found["name"], title, found["status"], found.get("message", ""), _measured(found.get("measured") or {})]
        for title, findings in stages.items()
        for found in findings
    ]
    marked = frozenset(index for index, row in enumerate(rows) if row[2] != "pass")
    table = Table(["audit", "when", "status", "finding", "measured"], rows, marked=marked)
    return [*blocks, Folded(f"All {len(rows)} findings", [table])]


def _counted(findings: Sequence[Mapping[str, Any]]) -> str:
    counts = {status: sum(found["status"] == status for found in findings) for status in ("pass", "warn", "fail")}
    told = [f"{counts['pass']} passed"]
    return ", ".join(told + [f"{counts[status]} {status}ed" for status in ("warn", "fail") if counts[status]])


def _measured(values: Mapping[str, Any]) -> str:
    shown = (
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {plain(value)}"
        for name, value in values.items()
    )
    told = ", ".join(shown)
    return told if len(told) <= 300 else f"{told[:300]} …"
