"""An entry of the lab book as a list of Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from seqlab.cli import markdown, render
from seqlab.cli.diff import shown
from seqlab.cli.results import best_known
from seqlab.journal import days
from seqlab.journal.entry import Entry
from seqlab.journal.floors import between

__all__ = ["entry_lines"]


def entry_lines(entry: Entry) -> Iterator[str]:
    """The lines of an entry under its title."""
    if entry.damage:
        yield markdown.item(f"DAMAGED: {entry.damage}")
        return
    said = {
        "TAINTED": entry.taint,
        "why": entry.why,
        "when": _when(entry),
        "where": "; ".join(_place(machine) for machine in entry.machines),
        "command": markdown.code(entry.command) if entry.command else "",
        **_descent(entry),
        "result": _result(entry),
        "cost": _cost(entry),
        "state": f"{entry.state}: {entry.evidence}",
        "verdict": entry.verdict,
    }
    for name, text in said.items():
        if text:
            yield markdown.item(f"{name}: {text}")
    yield from _audits(entry.audits)
    for planned in entry.plan:
        yield markdown.item(f"plan: {planned['id']} {planned['text']} ({planned['state']})")
    if entry.notes:
        yield "- notes:"
    for note in entry.notes:
        head = f"{days.day(note['time'])}" + (f" ({note['verdict']})" if note["verdict"] else "")
        yield markdown.item(f"{head}: {note['text']}" if note["text"] else head, depth=1)


def _when(entry: Entry) -> str:
    at = days.local(entry.created)
    told = [f"{at:%H:%M}"] if at else []
    told += [f"notebook {entry.notebook}"] if entry.notebook else []
    return ", ".join(told + ([f"tags {' '.join(entry.tags)}"] if entry.tags else []))


def _place(machine: Mapping[str, Any]) -> str:
    on_cpu = machine.get("device") == "cpu"
    threads = machine.get("threads")
    told = [machine.get("host"), machine.get("processor") if on_cpu else machine.get("device")]
    told += [f"{threads} threads" if threads != 1 else "1 thread"] if threads else []
    told += [machine.get("compute_dtype"), f"torch {machine['torch']}" if "torch" in machine else None]
    return ", ".join(word for word in told if word)


def _descent(entry: Entry) -> dict[str, str]:
    """What the run starts from, and what differs from it."""
    typed = ", ".join(map(markdown.code, entry.overrides))
    from_recipe = {f"differs from {entry.recipe}": typed or "in nothing"} if entry.recipe else {}
    if entry.parent is None:
        return from_recipe
    name, descent = entry.parent["run"], _start(entry.parent)
    if entry.parent.get("kind") == "file":
        return descent | from_recipe
    if entry.changes is None:
        unknown = f"unknown, for {name} is gone or cannot be read; it was typed: {typed or 'nothing'}"
        return descent | {"differs": unknown}
    changes = [f"{markdown.code(path)} {shown(a)} -> {shown(b)}" for path, (a, b) in entry.changes.items()]
    return descent | {f"differs from {name}": ", ".join(changes) or "in nothing"}


def _start(parent: Mapping[str, Any]) -> dict[str, str]:
    """Where the run began, and with what."""
    name, kind, inherited = parent["run"], parent.get("kind"), parent.get("inherited")
    if kind == "rerun":
        return {"rerun of": name}
    place = name if kind == "file" else f"{name} at step {parent['step']}"
    return {"fork of": place + (f", inherits {', '.join(inherited)}" if inherited else "")}


def _result(entry: Entry) -> str:
    """`val loss 1.9 (< bigram 2.453, > ngram 1.7), accuracy 0.4 at step 200/200`; all last values without a loss."""
    phase, result = best_known(entry.metrics["last"])
    if not result:
        told = render.metrics_line(entry.metrics["last"])
    else:
        others = {f"{phase}/{name}": value for name, value in result.items() if name not in ("loss", "lr")}
        among = between(result["loss"], entry.floors)
        loss = f"{phase.replace('_', ' ')} loss {render.figure(result['loss'])}{f' ({among})' if among else ''}"
        told = ", ".join([loss, *(render.metrics_line(others).removeprefix(f"{phase} "),) * bool(others)])
    if not told:
        return ""
    damaged = entry.metrics["damaged"]
    left_out = f"; lines of metrics.jsonl that cannot be read, and were left out: {damaged}" if damaged else ""
    return f"{told} at step {render.step_of(entry.step, entry.steps)}{left_out}"


def _cost(entry: Entry) -> str:
    told = [render.duration(entry.wall_seconds)]
    told += [f"{entry.tokens:,} tokens"] if entry.tokens else []
    return ", ".join(filter(None, told + [f"{entry.attempts} attempts"] * (entry.attempts > 1)))


def _audits(audits: Mapping[str, Any]) -> Iterator[str]:
    if not audits:
        return
    failed = f", {len(audits['alarms'])} did not" if audits["alarms"] else ""
    yield markdown.item(f"audits: {audits['passed']} passed{failed}")
    for alarm in audits["alarms"]:
        stage = {"before": "before training", "trained": "when trained"}[alarm["stage"]]
        status = f"{alarm['status']}{', accepted' if alarm['accepted'] else ''}"
        yield markdown.item(f"{alarm['name']} ({status}, {stage}): {alarm['message']}", depth=1)
