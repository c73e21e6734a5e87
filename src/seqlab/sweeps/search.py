"""A search in place of a grid: the next cells are asked of optuna, by what those so far came to.

The study is made anew from the sweep's record each time it is asked, so nothing of it has to survive. A cell's value is
the mean over its seeds by a rule of selection; a cell without one, because its runs failed, is told as a failure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqlab.sweeps.errors import SweepError
from seqlab.sweeps.grid import DIGITS, Knob, setting
from seqlab.sweeps.record import Sweep
from seqlab.sweeps.rules import Rule
from seqlab.sweeps.select import select

__all__ = ["Search", "search_named"]

PATIENCE = 50
"""Proposals that may all be cells that there are already, before the search counts as exhausted."""


@dataclass(frozen=True)
class Search:
    """Proposes cells within the knobs' values or ranges, for the best by a rule."""

    knobs: Sequence[Knob]
    rule: Rule

    def propose(self, sweep: Sweep, count: int) -> list[dict[str, str]]:
        """The settings (path -> text) of so many new cells; fewer where no others are found. Raises SweepError."""
        optuna = _optuna()
        distributions = {knob.path: _distribution(optuna, knob) for knob in self.knobs}
        known = {_key(trial.settings): trial for trial in sweep.trials().values()}
        study = self._study(optuna, sweep, distributions, seed=len(known))
        proposals: dict[Any, dict[str, str]] = {}
        for _ in range(PATIENCE + count):
            if len(proposals) == count:
                break
            asked = study.ask(distributions)
            texts = {knob.path: _text(knob, asked.params[knob.path]) for knob in self.knobs}
            key = _key({path: setting(text) for path, text in texts.items()})
            if key in known or key in proposals:
                study.tell(asked, state=optuna.trial.TrialState.FAIL)
            else:
                proposals[key] = texts
        return list(proposals.values())

    def _study(self, optuna: Any, sweep: Sweep, distributions: Mapping[str, Any], seed: int) -> Any:
        """What has been tried so far, as optuna knows it."""
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
        direction = "maximize" if self.rule.higher_is_better else "minimize"
        study = optuna.create_study(direction=direction, sampler=sampler)
        values = self._values(sweep)
        for cell, settings in {trial.cell: trial.settings for trial in sweep.trials().values()}.items():
            value = values.get(cell, math.nan)
            states = optuna.trial.TrialState
            state = states.COMPLETE if math.isfinite(value) else states.FAIL
            params = {knob.path: _known_value(knob, settings[knob.path]) for knob in self.knobs}
            told = {"value": value} if state == states.COMPLETE else {}
            study.add_trial(optuna.trial.create_trial(state=state, params=params, distributions=distributions, **told))
        return study

    def _values(self, sweep: Sweep) -> dict[str, float]:
        """Cell -> the mean over its seeds; nothing before the first run has ended."""
        if not sweep.trials():
            return {}
        try:
            _, choice = select(sweep, [self.rule]).choices[0]
        except SweepError:
            return {}
        return {group.cell: group.mean for group in choice.groups if not group.problems}


def search_named(name: str, knobs: Sequence[Knob], rule: Rule) -> Search:
    """The search of this name. Raises SweepError for another one than optuna, or where that is not installed."""
    if name != "optuna":
        raise SweepError(f"there is no search `{name}`; `optuna` is the one there is")
    if not knobs:
        raise SweepError("a search needs a knob at least, such as optim.lr=1e-4..1e-1:log")
    _optuna()
    return Search(knobs, rule)


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise SweepError("--search optuna needs optuna: `pip install seqlab[search]`") from None
    return optuna


def _distribution(optuna: Any, knob: Knob) -> Any:
    """A range as one; values as a choice among them."""
    if knob.values:
        return optuna.distributions.CategoricalDistribution(knob.values)
    if knob.is_whole:
        return optuna.distributions.IntDistribution(int(knob.low), int(knob.high), log=knob.is_log)
    return optuna.distributions.FloatDistribution(knob.low, knob.high, log=knob.is_log)


def _text(knob: Knob, value: Any) -> str:
    """A proposed value as it is typed."""
    return repr(float(f"{value:.{DIGITS}g}")) if isinstance(value, float) else str(value)


def _known_value(knob: Knob, value: Any) -> Any:
    """A value of the record as the knob's distribution has it. Raises SweepError where it lies outside."""
    if knob.values:
        found = [text for text in knob.values if setting(text) == value]
        if found:
            return found[0]
    elif isinstance(value, int | float) and not isinstance(value, bool) and knob.low <= value <= knob.high:
        return value
    raise SweepError(f"the sweep has `{knob.path}` {value}, which this search does not cover; widen it")


def _key(settings: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((path, str(value)) for path, value in settings.items()))
