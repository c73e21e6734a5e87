"""A selection: rules applied to the runs of a sweep, and what comes of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from seqlab.journal.column_cache import ColumnCache
from seqlab.sweeps.errors import SweepError
from seqlab.sweeps.record import Sweep
from seqlab.sweeps.rules import Rule, value_of
from seqlab.sweeps.select.choice import Choice, choose
from seqlab.sweeps.select.disagreement import Regret, rank_correlation, regret, regrets
from seqlab.sweeps.select.groups import Group
from seqlab.sweeps.select.knobs import varied
from seqlab.sweeps.select.outcomes import Outcome, check_floors, outcomes
from seqlab.sweeps.selections import selections

__all__ = ["Disagreement", "Selection", "refuse_test", "select"]


@dataclass(frozen=True)
class Disagreement:
    """What the first rule chose, judged by another one."""

    ran_by: str
    """The rule that chose; of an earlier selection with its time."""
    judged_by: Rule
    regrets: tuple[Regret, ...]
    rank_correlation: float | None
    """How alike the two order the cells, from -1 to 1; None where only the choice is known."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "ran_by": self.ran_by,
            "judged_by": str(self.judged_by),
            "rank_correlation": self.rank_correlation,
            "arms": [regret.to_json() for regret in self.regrets],
        }


@dataclass(frozen=True)
class Selection:
    """A sweep, selected by one rule or several."""

    sweep: str
    choices: tuple[tuple[Rule, Choice], ...]
    """A choice for each rule, in the order in which they were given; never empty."""
    disagreements: tuple[Disagreement, ...]
    """The first rule's choice judged by each of the others, and the last kept selection by another rule judged by the
    first."""
    tainted: dict[str, str]
    """Runs that were left out because of a bug -> why."""

    def to_json(self) -> dict[str, Any]:
        """Plain values: the first rule's choice at the top, all rules' under `rules`."""
        told = [{"rule": rule.to_json(), **choice.to_json()} for rule, choice in self.choices]
        return {
            "sweep": self.sweep,
            **told[0],
            "tainted": self.tainted,
            "rules": told,
            "disagreements": [one.to_json() for one in self.disagreements],
        }

    def kept(self) -> dict[str, Any]:
        """What is appended to the sweep's record: each rule with what it came to."""
        rules = [
            {
                "rule": rule.to_json(),
                "winner": choice.winner.cell,
                "settings": dict(choice.winner.settings),
                "mean": choice.winner.mean,
                "standard_error": choice.winner.standard_error,
                "ties": [group.cell for group in choice.ties],
                "cells": len(choice.judged),
                "seeds": sorted(choice.winner.values),
            }
            for rule, choice in self.choices
        ]
        return {"rules": rules}


def select(sweep: Sweep, rules: Sequence[Rule], *, allow_test: bool = False) -> Selection:
    """Choose among the cells of a sweep by each of the rules.

    Raises SweepError for a rule on a test split that was not asked for, for what a rule says and a run did not record,
    for cells with different floors, and where no run has finished.
    """
    refuse_test(rules, allow_test)
    found = outcomes(sweep)
    counted = [outcome for outcome in found if outcome.problem is None]
    check_floors(outcome.run for outcome in counted if outcome.run)
    with ColumnCache() as cache:
        choices = [(rule, _chosen(sweep, rule, found, cache)) for rule in dict.fromkeys(rules)]
    first, *others = choices
    return Selection(
        sweep=sweep.name,
        choices=tuple(choices),
        disagreements=(*(_disagreement(first, other) for other in others), *_since(sweep, *first)),
        tainted={one.run.name: one.problem or "" for one in found if one.is_tainted and one.run},
    )


def refuse_test(rules: Iterable[Rule], allow_test: bool) -> None:
    """Raise SweepError for a rule on a test split that was not asked for."""
    on_test = next((rule for rule in rules if rule.is_on_test), None)
    if on_test is not None and not allow_test:
        raise SweepError(
            f"'{on_test}' selects on a test split, whose number would then be no test any more; select on val/, or say "
            "--allow-test"
        )


def _chosen(sweep: Sweep, rule: Rule, found: Sequence[Outcome], cache: ColumnCache) -> Choice:
    chosen = choose(_groups(rule, found, cache), rule.higher_is_better)
    if chosen is None:
        told = next((outcome.problem for outcome in found if outcome.problem), "it has no trials")
        raise SweepError(f"no run of the sweep {sweep.name} counts yet; the first of {len(found)}: {told}")
    return chosen


def _groups(rule: Rule, found: Sequence[Outcome], cache: ColumnCache) -> list[Group]:
    """The cells in the order of the sweep."""
    by_cell: dict[str, list[Outcome]] = {}
    for outcome in found:
        by_cell.setdefault(outcome.trial.cell, []).append(outcome)
    differing = varied([members[0].trial.settings for members in by_cell.values()])
    return [_group(rule, cell, members, differing, cache) for cell, members in by_cell.items()]


def _group(rule: Rule, cell: str, members: Sequence[Outcome], differing: Sequence[str], cache: ColumnCache) -> Group:
    values: dict[int, float] = {}
    runs: dict[int, str] = {}
    problems: list[str] = []
    for outcome in sorted(members, key=lambda one: one.trial.seed):
        seed, run = outcome.trial.seed, outcome.run
        if run is not None:
            runs[seed] = run.name
        if run is None or outcome.problem is not None:
            problems.append(outcome.problem or "")
            continue
        value = value_of(rule, run, cache.columns(run, rule.metric))
        if math.isfinite(value):
            values[seed] = value
        else:
            problems.append(f"seed {seed}: {rule.metric} of {run.name} is not a finite number")
    settings = {path: value for path, value in members[0].trial.settings.items() if path in differing}
    return Group(cell, settings, values, runs, tuple(problems))


def _disagreement(first: tuple[Rule, Choice], other: tuple[Rule, Choice]) -> Disagreement:
    (rule_a, a), (rule_b, b) = first, other
    ways = rule_a.higher_is_better, rule_b.higher_is_better
    return Disagreement(str(rule_a), rule_b, tuple(regrets(a, b, *ways)), rank_correlation(a, b, *ways))


def _since(sweep: Sweep, rule: Rule, choice: Choice) -> list[Disagreement]:
    """What the last selection by another rule chose, which may have been run since, judged by this rule."""
    for kept in reversed(selections(sweep)):
        earlier = kept["rules"][0]
        if earlier["rule"]["text"] == str(rule):
            continue
        chosen = next((group for group in choice.judged if group.cell == earlier["winner"]), None)
        if chosen is None:
            return []
        ran_by = f"{earlier['rule']['text']} on {kept['time'][:10]}"
        found = regret("all cells", chosen, choice.judged, rule.higher_is_better)
        return [Disagreement(ran_by, rule, (found,), None)]
    return []
