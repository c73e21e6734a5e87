"""A grid whose best lies on an edge, extended until it lies inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from seqlab.cli.display import unseen
from seqlab.cli.swept import display
from seqlab.sweeps.carry import carry_out_sweep
from seqlab.sweeps.executors import find_executor
from seqlab.sweeps.extending import extend
from seqlab.sweeps.record import Sweep
from seqlab.sweeps.rules import Rule
from seqlab.sweeps.select import Selection, select
from seqlab.sweeps.select.groups import typed

__all__ = ["extended"]


def extended(
    sweep: Sweep, rules: Sequence[Rule], engine: str, slots: int | None, *, rounds: int, allow_test: bool, quiet: bool
) -> Selection:
    """Select, run what the first rule's alarms ask for and select again, until nothing new is asked for, so many times
    at most; the last selection."""
    executor = find_executor(engine, slots)
    found = select(sweep, rules, allow_test=allow_test)
    for number in range(1, rounds + 1):
        choice = found.choices[0][1]
        new = extend(sweep, choice)
        if not new:
            break
        if not quiet:
            _tell(number, [str(alarm) for alarm in choice.boundary], {trial.cell: trial.settings for trial in new})
        with display(sweep, quiet) as shown:
            carry_out_sweep(sweep, executor, shown)
        found = select(sweep, rules, allow_test=allow_test)
    return found


def _tell(number: int, alarms: list[str], cells: Mapping[str, Mapping[str, Any]]) -> None:
    with unseen():
        for alarm in alarms:
            click.echo(f"round {number}: {alarm}")
        for settings in cells.values():
            click.echo("  runs " + " ".join(f"{path}={typed(value)}" for path, value in settings.items()))
