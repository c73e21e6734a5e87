"""What `seqlab gc` would take away and what it has taken away, for people and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from seqlab.cli import render
from seqlab.journal.removal import Plan, Removal

__all__ = ["plan_facts", "print_done", "print_plan", "title"]


def title(removal: Removal) -> str:
    """Where it would be taken away: a run's name, or the folder of all runs."""
    return removal.run.name if removal.run is not None else "the lab book's folder"


def print_plan(planned: Plan, dry_run: bool) -> None:
    """Print what goes, how large it is, and what stays and why."""
    for removal in planned.removals:
        if removal.paths:
            click.echo(f"{click.style(title(removal), bold=True)}  {_named(removal)}  {render.size(removal.bytes)}")
        for step, why in (removal.choice.stays if removal.choice else {}).items():
            click.echo(f"  {title(removal)} keeps checkpoint {step:,}: {why}")
    _print_left_alone(planned.left_alone)
    total = sum(removal.bytes for removal in planned.removals)
    if not any(removal.paths for removal in planned.removals):
        click.echo("nothing to remove.")
    elif dry_run:
        click.echo(f"{render.size(total)} would be freed (a dry run: nothing was removed)")


def print_done(done: Sequence[Removal], left_alone: Mapping[str, str]) -> None:
    """Print how much was freed, and what had to be left alone after all."""
    _print_left_alone(left_alone)
    click.echo(f"{render.size(sum(removal.bytes for removal in done))} freed")


def plan_facts(planned: Plan, done: Sequence[Removal], left: Mapping[str, str], dry_run: bool) -> dict[str, Any]:
    """The plan and what became of it, as JSON."""
    return {
        "dry_run": dry_run,
        "freed_bytes": sum(removal.bytes for removal in done),
        "removals": [_facts(removal) | {"removed": removal in done} for removal in planned.removals],
        "left_alone": {**planned.left_alone, **left},
    }


def _facts(removal: Removal) -> dict[str, Any]:
    choice = removal.choice
    return {
        "run": removal.run.name if removal.run is not None else None,
        "what": removal.what,
        "paths": [str(path) for path in removal.paths],
        "bytes": removal.bytes,
        "steps": list(choice.goes) if choice else None,
        "kept": {str(step): why for step, why in choice.stays.items()} if choice else None,
    }


def _print_left_alone(left_alone: Mapping[str, str]) -> None:
    for name, why in left_alone.items():
        click.echo(f"  {name} is left alone: {why}")


def _named(removal: Removal) -> str:
    if removal.choice is not None:
        steps = ", ".join(f"{step:,}" for step in removal.choice.goes)
        return f"checkpoint{'s' if len(removal.choice.goes) > 1 else ''} {steps}"
    if removal.what == "leftovers":
        return "leftovers: " + ", ".join(path.name for path in removal.paths)
    return f"{removal.what}/"
