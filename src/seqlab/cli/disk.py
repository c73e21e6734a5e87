"""What takes the disk, as a table: by kind, by run, and what is no run at all."""

from __future__ import annotations

from collections import Counter
from typing import Any

import click

from seqlab.cli import render
from seqlab.journal import JournalError, LabBook, Run
from seqlab.journal.age import last_act
from seqlab.journal.checkpoints import steps_of
from seqlab.journal.leftovers import leftovers_of_book, leftovers_of_run, others_of_book
from seqlab.journal.removal import FOLDERS

__all__ = ["disk_use", "print_disk_use"]


def disk_use(book: LabBook, runs: list[Run], only_these: bool, quota: int | None) -> dict[str, Any]:
    """Bytes of these runs by kind and by run, the largest first; unless `only_these`, also of what is no run."""
    facts = sorted((_of_run(book, run) for run in runs), key=lambda run: -run["bytes"])
    kinds: Counter[str] = Counter()
    for run in facts:
        kinds.update(run["kinds"])
    leftovers = [] if only_these else leftovers_of_book(book)
    others = {} if only_these else others_of_book(book)
    beside = sum(leftover.bytes for leftover in leftovers) + sum(others.values())
    return {
        "folder": str(book.root),
        "bytes": sum(kinds.values()) + beside,
        "quota": None if only_these else quota,
        "kinds": dict(kinds.most_common()),
        "runs": facts,
        "leftovers": [leftover._asdict() | {"path": str(leftover.path)} for leftover in leftovers],
        "others": others,
    }


def _of_run(book: LabBook, run: Run) -> dict[str, Any]:
    kinds = run.size()
    try:
        state, since = run.state().name, last_act(run)
    except JournalError:
        state, since = "damaged", ""
    idle = [] if state == "running" else leftovers_of_run(run)
    return {
        "name": run.name,
        "archived": run.folder.parent != book.root,
        "state": state,
        "last_act": since,
        "bytes": sum(kinds.values()),
        "kinds": kinds,
        "checkpoints": steps_of(run.folder),
        "leftover_bytes": sum(leftover.bytes for leftover in idle),
    }


def print_disk_use(use: dict[str, Any], arguments: str) -> None:
    """Print it; `arguments`, which chose these runs, are added to the commands that are suggested."""
    runs, total = use["runs"], use["bytes"]
    of_quota = f", {_share(total, use['quota'])} of the quota of {render.size(use['quota'])}" if use["quota"] else ""
    click.echo(f"{use['folder']}: {render.size(total)} in {len(runs)} run{'s' * (len(runs) != 1)}{of_quota}")
    if use["kinds"]:
        render.heading("By kind")
        rows = [[kind, render.size(size), _share(size, total)] for kind, size in _grouped(use["kinds"]).items()]
        render.table(("kind", "size", "share"), rows, left=("kind",))
    if runs:
        render.heading("By run")
        head = ("run", "size", "share", "checkpoints", "leftovers", "steps", "state", "idle")
        render.table(head, [_row(run, total) for run in runs], left=("run", "steps", "state"))
    beside = [(entry["path"].rpartition("/")[2], entry["bytes"], entry["what"]) for entry in use["leftovers"]]
    beside += [(name, size, "") for name, size in use["others"].items()]
    if beside:
        render.heading("No runs")
        rows = [[name, render.size(size), what] for name, size, what in beside]
        render.table(("name", "size", "what"), rows, left=("name", "what"))
    _suggest(use, arguments)


def _grouped(kinds: dict[str, int]) -> dict[str, int]:
    """The folders that can be taken away by name, and everything else as the record that stays."""
    found = {kind: size for kind, size in kinds.items() if kind in FOLDERS}
    found["the record"] = sum(kinds.values()) - sum(found.values())
    return dict(Counter(found).most_common())


def _row(run: dict[str, Any], total: int) -> list[str]:
    steps = ", ".join(f"{step:,}" for step in run["checkpoints"][-3:])
    more = len(run["checkpoints"]) - 3
    return [
        f"{run['name']}{' (archived)' if run['archived'] else ''}",
        render.size(run["bytes"]),
        _share(run["bytes"], total),
        render.size(run["kinds"].get("checkpoints")),
        render.size(run["leftover_bytes"] or None),
        f"{more} more, {steps}" if more > 0 else steps,
        run["state"],
        render.ago(run["last_act"]),
    ]


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else ""


def _suggest(use: dict[str, Any], arguments: str) -> None:
    """What could be done about it, as commands that take nothing away yet."""
    could = []
    if any(len(run["checkpoints"]) > 1 for run in use["runs"]):
        could.append("--what checkpoints --keep last,best")
    if use["leftovers"] or any(run["leftover_bytes"] for run in use["runs"]):
        could.append("--what leftovers")
    if could:
        render.heading("Look what would go")
    for what in could:
        click.echo(f"  seqlab gc{arguments} {what} --dry-run")
