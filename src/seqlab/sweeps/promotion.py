"""Promotion: the winner of a selection and its ties, run again on seeds that took no part in the choice.

The best of many noisy numbers looks better than it is; only fresh seeds can say by how much. A promotion is a sweep of
its own, so that its runs never mix with those that were chosen from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice
from typing import Any

from seqlab.spec import diff
from seqlab.sweeps.cells import Changed, Plan, changed, experiment_of_cell
from seqlab.sweeps.declare import check_consistent
from seqlab.sweeps.errors import SweepError
from seqlab.sweeps.record import Sweep, Trial
from seqlab.sweeps.rules import Rule
from seqlab.sweeps.select import Choice, Group, choose, select
from seqlab.sweeps.select.disagreement import in_errors
from seqlab.sweeps.selections import selections

__all__ = ["Candidate", "Promotion", "changes_to", "judge", "plan", "promote", "rule_of"]


@dataclass(frozen=True)
class Candidate:
    """A cell by both numbers."""

    selected: Group
    """Over the seeds by which it was chosen."""
    fresh: Group
    """Over seeds that took no part in that."""
    optimism: float
    """How much better the selected number is than the fresh one, by the rule's direction."""
    standard_errors: float | None
    """That in standard errors of itself (Welch); None where either has a single seed."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "selected": self.selected.to_json(),
            "fresh": self.fresh.to_json(),
            "optimism": self.optimism,
            "standard_errors": self.standard_errors,
        }


@dataclass(frozen=True)
class Promotion:
    """The candidates of a selection, judged on fresh seeds."""

    sweep: str
    promoted: str
    rule: Rule
    candidates: tuple[Candidate, ...]
    """The selected winner first."""
    fresh: Choice
    """Among the fresh groups alone."""
    changes: Mapping[str, tuple[Any, Any]]
    """What differs from the experiment that was selected, seeds left out."""

    @property
    def holds(self) -> bool:
        """Whether the selected winner is still one that none beats."""
        return self.fresh.is_tied(self.candidates[0].fresh)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "sweep": self.sweep,
            "promoted": self.promoted,
            "rule": self.rule.to_json(),
            "holds": self.holds,
            "candidates": [one.to_json() for one in self.candidates],
            "changes": {path: {"selected": a, "promoted": b} for path, (a, b) in self.changes.items()},
            "fresh": self.fresh.to_json(),
        }


def rule_of(sweep: Sweep) -> str:
    """The rule of the last selection that was made from a sweep. Raises SweepError where there was none."""
    kept = selections(sweep)
    if not kept:
        raise SweepError(
            f"nothing was selected from {sweep.name} yet; give --by RULE, or `seqlab select` with one first"
        )
    return str(kept[-1]["rules"][0]["rule"]["text"])


def plan(sweep: Sweep, choice: Choice, seeds: int, overrides: Mapping[str, str]) -> Plan:
    """The winner and its ties on so many fresh seeds, with overrides for all of them.

    Raises SweepError for an override of a knob or of the seed: that would no longer be what was selected.
    """
    varied = {path for group in choice.judged for path in group.settings}
    settings = sweep.settings()
    for path in overrides:
        if path == "seed":
            raise SweepError("the seeds of a promotion are those that took no part in the choice; say how many")
        if path in varied:
            raise SweepError(f"`{path}` is what {sweep.name} was to choose; a promotion leaves its knobs as selected")
    return changed(
        [
            Changed(experiment_of_cell(sweep, group.cell), settings[group.cell], overrides)
            for group in _candidates(choice)
        ],
        fresh_seeds(sweep, seeds),
    )


def _candidates(choice: Choice) -> list[Group]:
    return [choice.winner, *(group for group in choice.ties if group.cell != choice.winner.cell)]


def fresh_seeds(sweep: Sweep, number: int) -> list[int]:
    """The lowest seeds that no trial of the sweep has."""
    taken = {trial.seed for trial in sweep.trials().values()}
    return list(islice((seed for seed in count() if seed not in taken), number))


def promote(sweep: Sweep, wanted: Plan, rule: Rule, promoted: Sweep) -> list[Trial]:
    """Ask for the trials of a promotion in a sweep of its own; returns the new ones."""
    check_consistent(promoted, wanted)
    said = sweep.declared_with(next(iter(sweep.trials().values())))
    kept = said.get("file")
    sources = {**wanted.sources, **({kept: (sweep.folder / "source" / kept).read_bytes()} if kept else {})}
    declared = {**said, "promotes": sweep.name, "rule": str(rule)}
    return promoted.extend(wanted.trials, wanted.experiments, declared, sources)


def judge(sweep: Sweep, choice: Choice, rule: Rule, promoted: Sweep, *, allow_test: bool = False) -> Promotion:
    """Both numbers of every candidate, and the verdict among them on fresh seeds alone.

    Raises SweepError where no candidate has a finished run on a fresh seed.
    """
    taken = {trial.seed for trial in sweep.trials().values()}
    (_, found), *_ = select(promoted, [rule], allow_test=allow_test).choices
    fresh = choose([_without(group, taken) for group in found.groups], rule.higher_is_better)
    if fresh is None:
        raise SweepError(f"no run of {promoted.name} has a seed that took no part in the choice; promote again")
    pairs = _paired(sweep, _candidates(choice), promoted, fresh)
    if not pairs or pairs[0][0].cell != choice.winner.cell:
        raise SweepError(f"{promoted.name} has no finished run of the winner, {choice.winner.told()}; promote again")
    return Promotion(
        sweep.name,
        promoted.name,
        rule,
        tuple(_candidate(selected, group, rule.higher_is_better) for selected, group in pairs),
        fresh,
        changes_to(sweep.experiment(choice.winner.cell), promoted.experiment(pairs[0][1].cell)),
    )


def changes_to(selected: Mapping[str, Any], promoted: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What two saved experiments differ in, seeds left out."""
    return {path: values for path, values in diff(selected, promoted).items() if path != "seed"}


def _without(group: Group, seeds: set[int]) -> Group:
    return replace(
        group,
        values={seed: value for seed, value in group.values.items() if seed not in seeds},
        runs={seed: run for seed, run in group.runs.items() if seed not in seeds},
    )


def _paired(sweep: Sweep, candidates: Sequence[Group], promoted: Sweep, fresh: Choice) -> list[tuple[Group, Group]]:
    """Each candidate with its fresh group, known by its knobs: an override makes it another cell."""
    there, here = promoted.settings(), sweep.settings()
    found = {_key(there[group.cell]): group for group in fresh.groups if group.values}
    return [(one, found[_key(here[one.cell])]) for one in candidates if _key(here[one.cell]) in found]


def _key(settings: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(settings.items()))


def _candidate(selected: Group, fresh: Group, higher_is_better: bool) -> Candidate:
    lead = selected.mean - fresh.mean
    errors = selected.standard_error, fresh.standard_error
    known = [error for error in errors if error is not None]
    together = math.hypot(*known) if len(known) == len(errors) else None
    optimism = lead if higher_is_better else -lead
    return Candidate(selected, fresh, optimism, None if together is None else in_errors(optimism, together))
