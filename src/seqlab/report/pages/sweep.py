"""The page of a sweep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from seqlab.journal import LabBook, Run
from seqlab.journal.curves import usual_metric
from seqlab.journal.groups import RunGroup
from seqlab.journal.taint import taints
from seqlab.report.page import Alarm, Block, Facts, Page, Section, Table
from seqlab.report.sections.curves import charts_of_groups
from seqlab.report.sections.results import result_metrics
from seqlab.report.sections.runs import runs_table, total_cost
from seqlab.report.sections.selection import (
    chosen_blocks,
    declared_facts,
    earlier_choices,
    seeds_table,
    sensitivity_blocks,
)
from seqlab.sweeps.errors import SweepError
from seqlab.sweeps.record import Sweep
from seqlab.sweeps.rules import Rule, parse
from seqlab.sweeps.select import Selection, select
from seqlab.sweeps.select.outcomes import Outcome, outcomes
from seqlab.sweeps.selections import selections

__all__ = ["sweep_page"]


def sweep_page(book: LabBook, name: str, asked: Sequence[str] = (), metric: str | None = None) -> Page:
    """What the record says of a sweep. Raises SweepError for a sweep or a rule that cannot be.

    asked: the rules of selection [those of its last selection, else the last value of its first result]. metric: what
    is drawn [the usual one].
    """
    sweep = Sweep.open(book, name)
    found = outcomes(sweep)
    runs = [outcome.run for outcome in found if outcome.run is not None]
    judged = _judged(sweep, found, [parse(text) for text in asked])
    tainted = taints(book.everything())
    return Page(
        title=name,
        what="sweep",
        badges=[("count", f"{sum(one.problem is None for one in found)} of {len(found)} runs count")],
        lead=[declared_facts(sweep)],
        sections=[section for section in _sections(sweep, found, runs, judged, tainted, metric) if section.blocks],
        data=lambda: _data(judged, runs, tainted),
        source=str(sweep.folder),
    )


def _judged(sweep: Sweep, found: Sequence[Outcome], asked: Sequence[Rule]) -> Selection | SweepError:
    """The selection; why there is none, where none was asked for."""
    if asked:
        return select(sweep, asked, allow_test=True)
    rules = [Rule.from_json(one["rule"]) for line in selections(sweep)[-1:] for one in line["rules"]]
    counted = [outcome.run for outcome in found if outcome.run is not None and outcome.problem is None]
    first = next(iter(result_metrics(counted)), "val/loss")
    try:
        return select(sweep, rules or [parse(f"last({first})")], allow_test=True)
    except SweepError as error:
        return error


def _sections(
    sweep: Sweep,
    found: Sequence[Outcome],
    runs: Sequence[Run],
    judged: Selection | SweepError,
    tainted: dict[str, str],
    metric: str | None,
) -> list[Section]:
    if isinstance(judged, SweepError):
        choice: list[Block] = [Alarm(f"Nothing can be chosen: {judged}.")]
        dependence: list[Block] = []
    else:
        choice = _once([block for rule, one in judged.choices for block in chosen_blocks(rule, one)])
        dependence = sensitivity_blocks(*judged.choices[0])
    earlier = earlier_choices(sweep)
    states = Counter(run.state().name for run in runs)
    unstarted = sum(outcome.run is None for outcome in found)
    told = ", ".join(f"{count} {state}" for state, count in states.most_common())
    return [
        Section("Choice", choice),
        Section("What it depends on", dependence),
        Section("Curves", _curves(judged, runs, metric)),
        Section("Selections", [earlier] if earlier else []),
        Section("Cost", [total_cost(runs)] if runs else []),
        Section("Runs", [Facts([("runs", told), ("not begun", unstarted or "")]), runs_table(runs, tainted)]),
    ]


def _once(blocks: Sequence[Block]) -> list[Block]:
    """The same without a warning that two rules share."""
    return [block for index, block in enumerate(blocks) if not isinstance(block, Alarm) or block not in blocks[:index]]


def _curves(judged: Selection | SweepError, runs: Sequence[Run], metric: str | None) -> list[Block]:
    """Of the cells, the best first."""
    if isinstance(judged, SweepError):
        return []
    named = {run.name: run for run in runs}
    _, choice = judged.choices[0]
    members = {group.told(): [named[name] for name in group.runs.values() if name in named] for group in choice.judged}
    groups = [RunGroup(name, tuple(found)) for name, found in members.items() if found]
    return charts_of_groups(groups, metric or usual_metric(*(run for group in groups for run in group.runs)))


def _data(judged: Selection | SweepError, runs: Sequence[Run], tainted: dict[str, str]) -> Table:
    return runs_table(runs, tainted) if isinstance(judged, SweepError) else seeds_table(*judged.choices[0])
