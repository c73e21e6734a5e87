"""Where the best lies on an edge: the cells beyond it, as new trials of the sweep."""

from __future__ import annotations

from dataclasses import dataclass

from seqlab.sweeps.cells import Changed, Plan, changed, experiment_of_cell
from seqlab.sweeps.declare import check_consistent
from seqlab.sweeps.record import Sweep, Trial
from seqlab.sweeps.select.choice import Choice
from seqlab.sweeps.select.groups import typed

__all__ = ["Beyond", "beyond", "extend"]


@dataclass(frozen=True)
class Beyond:
    """A cell that lies beyond an edge: one that lies on it, with another value of the knob."""

    cell: str
    knob: str
    value: float


def beyond(choice: Choice) -> list[Beyond]:
    """The cells that the alarms of a choice ask for.

    Every cell that lies on an alarming edge and may be the best of its arm goes on beyond it, its other settings kept.
    """
    return [
        Beyond(group.cell, alarm.knob, value)
        for arm in choice.arms
        for alarm in arm.boundary
        for group in arm.ties
        if group.settings.get(alarm.knob) == alarm.value
        for value in alarm.extension
    ]


def extend(sweep: Sweep, choice: Choice) -> list[Trial]:
    """Ask for the cells beyond the edges that alarm, with the seeds that the sweep has; returns the new trials.

    Raises SpecError for a value that the experiment does not allow.
    """
    trials = list(sweep.trials().values())
    plan = extension(sweep, choice, sorted({trial.seed for trial in trials}))
    if not plan.trials:
        return []
    check_consistent(sweep, plan)
    declared = {**sweep.declared_with(trials[0]), "extends": [alarm.to_json() for alarm in choice.boundary]}
    return sweep.extend(plan.trials, plan.experiments, declared, plan.sources)


def extension(sweep: Sweep, choice: Choice, seeds: list[int]) -> Plan:
    """What lies beyond the edges, as a plan; cells that come to one experiment are one."""
    settings = sweep.settings()
    cells = [
        Changed(
            experiment_of_cell(sweep, one.cell),
            {**settings[one.cell], one.knob: one.value},
            {one.knob: typed(one.value)},
        )
        for one in beyond(choice)
    ]
    return changed(cells, seeds)
