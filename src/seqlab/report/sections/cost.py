"""What a run cost, where it ran, how it came to its end, and which files it left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seqlab.report.page import Block, Cell, Facts, Prose, Table
from seqlab.report.sections.notes import shortened
from seqlab.wording import duration, per_second, plain, size

__all__ = ["cost_facts", "environment_facts", "history_blocks", "machine"]

ROUTINE = ("checkpoint", "alarm")
"""Events that say nothing but that all went well, or what another section says."""


def cost_facts(summary: Mapping[str, Any], sizes: Mapping[str, int], checkpoints: Sequence[int]) -> Facts:
    """Time, tokens, memory, disk."""
    shares = sorted(summary.get("shares", {}).items(), key=lambda item: -item[1])
    read = f"{summary['tokens']:,} tokens" if summary.get("tokens") else ""
    read += f", {summary['epoch']:.2f} epochs" if summary.get("epoch") is not None else ""
    disk = ", ".join(f"{name} {size(bytes_)}" for name, bytes_ in list(sizes.items())[:3])
    rows: list[tuple[str, Cell]] = [
        ("time", duration(summary.get("wall_seconds"))),
        ("speed", per_second(summary.get("tokens_per_second"))),
        ("read", read.removeprefix(", ")),
        ("memory", size(summary.get("peak_memory_bytes"))),
        ("time goes to", ", ".join(f"{name} {share:.0%}" for name, share in shares if share >= 0.005)),
        ("kernels", "; ".join(f"{name} {', '.join(ways)}" for name, ways in summary.get("kernels", {}).items())),
        ("disk", f"{size(sum(sizes.values()))} ({disk})" if sizes else ""),
        ("checkpoints", ", ".join(f"{step:,}" for step in checkpoints)),
    ]
    return Facts(rows)


def machine(place: Mapping[str, Any]) -> str:
    """Where an attempt ran, in one line."""
    on_cpu, threads = place.get("device") == "cpu", place.get("threads")
    told = [place.get("host"), place.get("processor") if on_cpu else place.get("device")]
    told += [f"{threads} threads" if threads != 1 else "1 thread"] if threads else []
    told += [place.get("compute_dtype"), f"torch {place['torch']}" if "torch" in place else None]
    return ", ".join(word for word in told if word)


def environment_facts(origin: Mapping[str, Any]) -> Facts:
    """Machine, versions and commit, as the run recorded them."""
    rows: list[tuple[str, Cell]] = [(name, plain(value)) for name, value in origin.get("environment", {}).items()]
    return Facts([*rows, ("git commit", origin.get("git_commit"))])


def history_blocks(attempts: Sequence[Mapping[str, Any]], events: Sequence[Mapping[str, Any]]) -> Iterator[Block]:
    """The attempts with their ends, then what happened besides."""
    if attempts:
        yield Table(["attempt", "began", "ended", "took", ""], [_attempt(attempt) for attempt in attempts])
    told = [event for event in events if event.get("kind") not in ROUTINE]
    rows: list[list[Cell]] = [
        [event.get("attempt"), str(event.get("kind", "")).replace("_", " "), _details(event)] for event in told
    ]
    yield Table(["attempt", "event", ""], rows) if rows else Prose("No events but checkpoints and alarms.")


def _attempt(attempt: Mapping[str, Any]) -> list[Cell]:
    lease, ending = attempt["lease"] or {}, attempt["exit"] or {}
    seconds = ending.get("wall_seconds")
    took = duration(seconds - lease.get("seconds_before", 0.0)) if seconds is not None else ""
    error = (ending.get("evidence") or {}).get("error")
    began = str(lease.get("since", ""))[:16].replace("T", " ")
    return [attempt["number"], began, ending.get("state", "no exit.json"), took, error]


def _details(event: Mapping[str, Any]) -> str:
    told = " ".join(plain(value) for key, value in event.items() if key not in ("time", "attempt", "kind"))
    return shortened(told, "events.jsonl")
