"""Sweeps: their cells by a rule that can be changed at once, responses, maps, ties, alarms."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from seqlab.journal import JournalError, names
from seqlab.journal.digest import higher_is_better
from seqlab.journal.known import Known
from seqlab.sweeps.errors import SweepNotFound
from seqlab.sweeps.queue import Queue, Standing
from seqlab.sweeps.record import Sweep
from seqlab.sweeps.record import sweeps as names_of
from seqlab.sweeps.rules import parse
from seqlab.sweeps.select import Choice, Disagreement, Group, select
from seqlab.sweeps.select.arms import Arm
from seqlab.sweeps.select.disagreement import Regret
from seqlab.sweeps.select.knobs import knobs
from seqlab.sweeps.select.told import cells_of, head_of, measured, to_do, uncertain, verdict
from seqlab.sweeps.selections import selections
from seqlab.sweeps.sensitivity import heat, response
from seqlab.web.grids import heat_map
from seqlab.web.lab import Lab
from seqlab.web.responses import response_curve

__all__ = ["index", "judged", "page"]

RESPONSES, MAPS = 8, 6
"""Knobs and pairs of knobs that are drawn."""
FAVOURED = ("val_subset/loss", "val/loss", "val_subset/accuracy", "train/loss", "train/accuracy")


def index(lab: Lab, request: Request) -> Response:
    """All sweeps."""
    by_sweep: dict[str, list[Known]] = {}
    for known in lab.everything():
        if known.sweep is not None:
            by_sweep.setdefault(known.sweep, []).append(known)
    rows = []
    for name in names_of(lab.book)[::-1]:
        try:
            rows.append(_row(Sweep.open(lab.book, name), by_sweep.get(name, [])))
        except (JournalError, KeyError, TypeError) as error:
            rows.append({"name": name, "problem": f"it cannot be read: {error}"})
    return lab.page(request, "sweeps.html", rows=sorted(rows, key=lambda row: row.get("time", ""), reverse=True))


def _row(sweep: Sweep, runs: list[Known]) -> dict[str, Any]:
    declared = sweep.declarations()
    trials = sweep.trials()
    return {
        "name": sweep.name,
        "problem": None,
        "time": declared[0]["time"] if declared else "",
        "recipe": declared[0]["declared"].get("recipe", "") if declared else "",
        "trials": len(trials),
        "cells": len({trial.cell for trial in trials.values()}),
        "knobs": list(dict.fromkeys(path for trial in trials.values() for path in trial.settings)),
        "states": dict(Counter(known.row["state"] for known in runs)),
    }


def page(lab: Lab, request: Request) -> Response:
    """One sweep: what was asked for, how far it is, and its selection by a rule."""
    sweep = _opened(lab, request)
    runs = [known for known in lab.everything() if known.sweep == sweep.name]
    kept = selections(sweep)
    rule = request.query_params.get("by") or _usual_rule(kept, runs)
    standings, trials = Queue(sweep).standings(), sweep.trials()
    waiting = sum(standings.get(one, Standing()).run is None for one in trials)
    return lab.page(
        request, "sweep.html",
        sweep=_row(sweep, runs), rule=rule, kept=kept[::-1], runs=runs, waiting=waiting,
        declared=[line["declared"] for line in sweep.declarations()],
        metrics=list(dict.fromkeys(name for known in runs for name in known.metrics.last)), **_judgement(sweep, rule),
    )  # fmt: skip


def judged(lab: Lab, request: Request) -> Response:
    """The part of the page that depends on the rule, asked for at every change of it."""
    sweep = _opened(lab, request)
    told = _judgement(sweep, request.query_params.get("by", ""))
    return lab.page(request, "selection.html", sweep={"name": sweep.name}, **told)


def _opened(lab: Lab, request: Request) -> Sweep:
    name = request.path_params["name"]
    if name not in names_of(lab.book):
        raise SweepNotFound(f"there is no sweep {name!r}{names.perhaps(name, names_of(lab.book))}")
    return Sweep.open(lab.book, name)


def _usual_rule(kept: list[dict[str, Any]], runs: list[Known]) -> str:
    """The rule of the last selection, else the best of what one looks at first."""
    if kept:
        return str(kept[-1]["rules"][0]["rule"]["text"])
    metrics = dict.fromkeys(name for known in runs for name in known.metrics.last)
    metric = next((name for name in FAVOURED if name in metrics), next(iter(metrics), "val_subset/loss"))
    return f"{'max' if higher_is_better(metric) else 'min'}({metric})"


def _judgement(sweep: Sweep, text: str) -> dict[str, Any]:
    """The selection by a rule, or why there is none."""
    try:
        rule = parse(text)
        selection = select(sweep, [rule])
    except JournalError as error:
        return {"problem": str(error), "choice": None}
    choice = selection.choices[0][1]
    varied = [knob for knob, values in knobs(choice.judged).items() if len(values) > 1]
    higher = rule.higher_is_better
    head, _ = head_of(choice)
    return {
        "problem": None,
        "choice": choice,
        "rule_told": str(rule),
        "better": "higher" if higher else "lower",
        "verdict": verdict(choice),
        "head": head,
        "rows": [_cell(choice, group) for group in choice.groups],
        "arms": [_arm(arm) for arm in choice.arms],
        "alarms": [str(alarm) for alarm in choice.boundary],
        "warnings": list(choice.warnings),
        "left_out": _left_out(choice),
        "tainted": selection.tainted,
        "responses": [response_curve(response(choice, knob, higher)) for knob in varied[:RESPONSES]],
        "maps": [heat_map(heat(choice, a, b, higher), higher) for a, b in list(combinations(varied, 2))[:MAPS]],
        "disagreements": [{"one": one, "rows": _regrets(one)} for one in selection.disagreements],
    }  # fmt: skip


def _arm(arm: Arm) -> tuple[str, str, str, str, int]:
    best = arm.winner
    return arm.name, best.told(), measured(best.mean), uncertain(best), len(arm.groups)


def _left_out(choice: Choice) -> list[str]:
    told = (f"{group.told()}, {problem}" for group in choice.groups for problem in group.problems)
    return list(dict.fromkeys(told))


def _regrets(one: Disagreement) -> list[tuple[Regret, str]]:
    return [(regret, to_do(regret.ran.cell == regret.should_have_been.cell, regret.re_run)) for regret in one.regrets]


def _cell(choice: Choice, group: Group) -> dict[str, Any]:
    return {
        "cells": cells_of(choice, group),
        "runs": list(group.runs.values()),
        "is_winner": group.cell == choice.winner.cell,
        "is_tied": choice.is_tied(group),
    }
