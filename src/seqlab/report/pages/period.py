"""The report on a stretch of the lab book: set-up, grids, chosen values, architecture, cost and results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from seqlab.journal import LabBook, Run, days, names
from seqlab.journal.files import encode
from seqlab.journal.results import so_far
from seqlab.journal.taint import taints
from seqlab.report.page import Alarm, Block, Cell, Code, Facts, Measured, Page, Prose, Section, Table
from seqlab.report.sections.cost import machine
from seqlab.report.sections.grouping import grouped
from seqlab.report.sections.model import data_facts, model_blocks
from seqlab.report.sections.results import table_of_groups
from seqlab.report.sections.runs import every_number, total_cost
from seqlab.report.sections.selection import knob_values, told_settings
from seqlab.sweeps.record import Sweep, sweeps
from seqlab.sweeps.select.outcomes import outcomes
from seqlab.sweeps.selections import selections
from seqlab.wording import count, duration, plain

__all__ = ["period_page"]

COUNTED = ("finished", "imported")
SHOWN = 20
"""Settings of one recipe in the table of results at most."""
SOFTWARE = ("seqlab", "python", "torch", "numpy", "native_kernels")


def period_page(book: LabBook, since: str, until: str | None, runs: Sequence[Run], left_out: Mapping[str, str]) -> Page:
    """The report from the local day `since` up to `until`, both included. runs: those made in it. left_out: runs that
    cannot be read, and why."""
    everything = taints(book.everything())
    tainted = {run.name: everything[run.name] for run in runs if run.name in everything}
    made = [sweep for name in sweeps(book) if _is_within(sweep := Sweep(book, name), since, until)]
    title = f"Report since {since}" if until is None else f"Report from {since} to {until}"
    sections = [
        Section("Set-up", _setup(runs)),
        Section("Grids", [_grids(made)] if made else [Prose("No sweep was declared.")]),
        Section("Chosen values", _chosen(made)),
        Section("Architecture", _architectures(runs)),
        Section("Cost", _cost(runs)),
        Section("Results", _results(runs, tainted, left_out)),
    ]
    return Page(
        title=title,
        what="report",
        badges=[("count", f"{len(runs)} runs"), ("count", f"{len(made)} sweep{'s' * (len(made) != 1)}")],
        lead=[],
        sections=sections,
        data=partial(every_number, runs, tainted),
        source=str(book.root),
    )


def _is_within(sweep: Sweep, since: str, until: str | None) -> bool:
    made = [days.day(line["time"]) or "" for line in sweep.declarations()]
    return any(since <= day <= (until or day) for day in made)


def _setup(runs: Sequence[Run]) -> list[Block]:
    """On which machines, with which software, on which bytes."""
    places = [run.origin["environment"] for run in runs if run.origin.get("environment")]
    machines = Counter(machine(place) for place in places)
    rows: list[tuple[str, Cell]] = [
        ("machines", "\n".join(f"{place} ({_runs(number)})" for place, number in machines.most_common()))
    ]
    for name in SOFTWARE:
        versions = sorted({plain(place[name]) for place in places if name in place})
        rows += [(name.replace("_", " "), ", ".join(versions))]
    commits = sorted({str(run.origin["git_commit"])[:12] for run in runs if run.origin.get("git_commit")})
    data = {name: digest for run in runs for name, digest in (run.origin.get("data") or {}).items()}
    return [Facts([*rows, ("git commits", ", ".join(commits))]), data_facts(data)]


def _runs(number: int) -> str:
    return "1 run" if number == 1 else f"{number} runs"


def _grids(made: Sequence[Sweep]) -> Table:
    rows: list[list[Cell]] = []
    for sweep in made:
        found = outcomes(sweep)
        counted = sum(outcome.problem is None for outcome in found)
        said = sweep.declarations()[-1]["declared"]
        seeds = ", ".join(map(str, sorted({outcome.trial.seed for outcome in found})))
        for index, (path, values) in enumerate(knob_values(sweep).items() or [("", [])]):
            head: list[Cell] = [sweep.name, Code(said.get("recipe") or ""), f"{counted} of {len(found)}", seeds]
            rows.append([*(head if index == 0 else [None] * 4), Code(path), ", ".join(map(plain, values))])
    return Table(["sweep", "recipe", "runs that count", "seeds", "knob", "values"], rows, is_result=True)


def _chosen(made: Sequence[Sweep]) -> list[Block]:
    """The last selection of each sweep, with its rule; sweeps without one are named."""
    rows: list[list[Cell]] = []
    for sweep in made:
        for line in selections(sweep)[-1:]:
            rows += [[sweep.name, Code(one["rule"]["text"]), *_choice(one)] for one in line["rules"]]
    without = [sweep.name for sweep in made if not selections(sweep)]
    blocks: list[Block] = []
    if rows:
        head = ["sweep", "by", "chosen", "mean (s.e.)", "seeds", "cells", "may be the best"]
        blocks.append(Table(head, rows, is_result=True))
    if without:
        blocks.append(Prose(f"Nothing was selected from {', '.join(without)}."))
    return blocks or [Prose("Nothing was selected.")]


def _choice(one: Mapping[str, Any]) -> list[Cell]:
    mean = Measured(one["mean"], one["standard_error"])
    return [told_settings(one["settings"]), mean, len(one["seeds"]), one["cells"], len(one["ties"])]


def _architectures(runs: Sequence[Run]) -> list[Block]:
    """Each model once, with the runs that trained it."""
    together: dict[bytes, list[Run]] = {}
    for run in runs:
        if run.origin.get("card"):
            together.setdefault(encode(run.origin["card"]), []).append(run)
    blocks: list[Block] = []
    for members in together.values():
        named = names.several([run.name for run in members])
        blocks += [
            Prose(f"The model of {named}:"),
            *model_blocks(members[0].origin["card"], members[0].summary.get("parameters")),
        ]
    return blocks or [Prose("No run recorded its model.")]


def _cost(runs: Sequence[Run]) -> list[Block]:
    by_recipe: dict[str, list[Run]] = {}
    for run in runs:
        by_recipe.setdefault(str(run.origin.get("recipe") or "no recipe"), []).append(run)
    rows: list[list[Cell]] = [
        [
            recipe,
            len(members),
            _states(members),
            duration(_sum(members, "wall_seconds")),
            count(_sum(members, "tokens")),
        ]
        for recipe, members in by_recipe.items()
    ]
    table = Table(["recipe", "runs", "states", "time", "tokens"], rows, is_result=True)
    return [table, total_cost(runs)] if runs else [Prose("No run was made.")]


def _sum(runs: Sequence[Run], name: str) -> float:
    return sum(so_far(run).get(name) or 0 for run in runs)


def _states(runs: Sequence[Run]) -> str:
    return ", ".join(f"{number} {state}" for state, number in Counter(run.state().name for run in runs).most_common())


def _results(runs: Sequence[Run], tainted: Mapping[str, str], left_out: Mapping[str, str]) -> list[Block]:
    """A table for each recipe of the runs that count, then those that do not, and why."""
    states = {run.name: run.state() for run in runs}
    by_recipe: dict[str, list[Run]] = {}
    for run in runs:
        if run.name not in tainted and states[run.name].name in COUNTED and run.metrics.last:
            by_recipe.setdefault(str(run.origin.get("recipe") or "no recipe"), []).append(run)
    blocks: list[Block] = [_of_recipe(recipe, members) for recipe, members in by_recipe.items()]
    problems = dict(left_out)
    for run in runs:
        if run.name in tainted:
            problems[run.name] = f"tainted: {tainted[run.name]}"
        elif states[run.name].name not in COUNTED:
            problems[run.name] = f"{states[run.name].name}: {states[run.name].evidence}"
    return [
        *(blocks or [Prose("No run has finished.")]),
        *(Alarm(f"not counted: {name}, {why}") for name, why in problems.items()),
    ]


def _of_recipe(recipe: str, runs: Sequence[Run]) -> Table:
    groups = grouped(runs)
    more = f", the first {SHOWN} of {len(groups)} settings" if len(groups) > SHOWN else ""
    caption = f"{recipe}: last values, means over seeds with standard errors in brackets{more}."
    return table_of_groups(groups[:SHOWN], caption)
