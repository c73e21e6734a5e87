"""The page of several runs: those of a query, or those that were named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from seqlab.journal import LabBook, Run
from seqlab.journal.curves import curve, usual_metric
from seqlab.journal.taint import taints
from seqlab.report.page import Alarm, Block, Cell, Facts, Page, Quote, Section
from seqlab.report.sections.curves import charts_of_groups
from seqlab.report.sections.grouping import grouped
from seqlab.report.sections.notes import note_blocks
from seqlab.report.sections.results import table_of_groups
from seqlab.report.sections.runs import every_number, runs_table, total_cost
from seqlab.report.sections.settings import all_settings, differing, setting

__all__ = ["runs_page"]


def runs_page(
    book: LabBook, runs: Sequence[Run], title: str, metric: str | None = None, left_out: Mapping[str, str] | None = None
) -> Page:
    """What the record says of several runs. metric: what is drawn [the usual one]. left_out: runs that cannot be read,
    and why. Raises JournalError for a metric that none has."""
    tainted = {name: why for name, why in taints(book.everything()).items() if name in {run.name for run in runs}}
    counted = [run for run in runs if run.name not in tainted and run.metrics.last]
    if metric is not None and counted and all(metric not in run.metrics.last for run in counted):
        curve(counted[0], metric)  # says what there is
    sections = [
        *(_task_section(title, members, metric) for title, members in _by_task(counted).items()),
        Section("Runs", [runs_table(members, tainted) for members in _by_task(runs).values()]),
        Section("Notes", [block for run in runs for block in _notes(run)]),
        Section("Settings", [all_settings(runs[0].experiment, ["seed", *differing(runs)])] if runs else []),
        Section("Cost", [total_cost(runs)]),
    ]
    alarms: list[Block] = [Alarm(f"{name} is tainted and in no mean: {why}.") for name, why in tainted.items()]
    alarms += [Alarm(f"{name} is left out: {why}.") for name, why in (left_out or {}).items()]
    return Page(
        title=title,
        what="runs",
        badges=[("count", f"{len(runs)} run{'s' * (len(runs) != 1)}")],
        lead=[*alarms, Facts(_lead(runs))],
        sections=[section for section in sections if section.blocks],
        data=partial(every_number, runs, tainted),
        source=str(book.root),
    )


def _lead(runs: Sequence[Run]) -> list[tuple[str, Cell]]:
    made = sorted(run.created[:10] for run in runs if run.created)
    recipes = dict.fromkeys(str(run.origin["recipe"]) for run in runs if run.origin.get("recipe"))
    return [
        ("made", " to ".join(dict.fromkeys([made[0], made[-1]])) if made else ""),
        ("recipes", ", ".join(recipes)),
        ("differ in", ", ".join(differing(runs)[:20])),
    ]


def _by_task(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """The runs of each task: their numbers have nothing in common with those of another one."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        task = str(setting(run.experiment, "task") or "").rpartition("/")[2].replace("_", " ")
        found.setdefault(f"Results on {task}" if task else "Results", []).append(run)
    return found


def _task_section(title: str, runs: Sequence[Run], metric: str | None) -> Section:
    groups = grouped(runs)
    has_seeds = any(len(group.runs) > 1 for group in groups)
    how = (
        "means over seeds, standard errors in brackets"
        if has_seeds
        else "a single seed, which establishes no difference"
    )
    drawn = [run for run in runs if metric is None or metric in run.metrics.last]
    curves = charts_of_groups(grouped(drawn), metric or usual_metric(*drawn)) if drawn else []
    return Section(title, [table_of_groups(groups, f"Last values: {how}."), *curves])


def _notes(run: Run) -> list[Block]:
    return [Quote(f"{run.name}, {block.head}", block.text) for block in note_blocks(run.notes())]
