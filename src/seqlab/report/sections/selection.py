"""A sweep as its record has it: what was asked for, what a rule chose, how the result depends on the knobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqlab.journal import days
from seqlab.report.page import Alarm, Block, Cell, Chart, Code, Facts, Line, Measured, Prose, Table
from seqlab.report.sections.curves import chart_of
from seqlab.sweeps.record import Sweep
from seqlab.sweeps.rules import Rule
from seqlab.sweeps.select import Choice, Group
from seqlab.sweeps.select.knobs import is_number, knobs
from seqlab.sweeps.selections import selections
from seqlab.sweeps.sensitivity import Heat, Point, heat, is_logarithmic, response
from seqlab.wording import plain

__all__ = [
    "cells_table",
    "chosen_blocks",
    "declared_facts",
    "earlier_choices",
    "knob_values",
    "seeds_table",
    "sensitivity_blocks",
]

AT_WINNER, AT_BEST = "with the winner's other settings", "with the best other settings"
MAPS = 3
"""Maps of two knobs at most."""


def declared_facts(sweep: Sweep) -> Facts:
    """What was asked for: recipe, knobs and their values, seeds, why and when."""
    rows: list[tuple[str, Cell]] = []
    for line in sweep.declarations():
        said = line["declared"]
        rows += [
            ("declared", days.day(line["time"])),
            ("why", said.get("why")),
            ("recipe", Code(said["recipe"]) if said.get("recipe") else ""),
            ("asked for", Code(" ".join(said["asked"])) if said.get("asked") else ""),
            ("seeds a cell", said.get("seeds")),
        ]
    trials = sweep.trials()
    rows.append(("in all", f"{len({one.cell for one in trials.values()})} cells, {len(trials)} runs"))
    return Facts(rows)


def knob_values(sweep: Sweep) -> dict[str, list[Any]]:
    """Path -> the values that were tried, in their order."""
    return knobs(Group(cell, settings, {}) for cell, settings in sweep.settings().items())


def chosen_blocks(rule: Rule, choice: Choice) -> list[Block]:
    """The cells by one rule, who cannot be told from the winner, and what to be wary of."""
    better = "higher" if rule.higher_is_better else "lower"
    winner, others = choice.winner, len(choice.ties) - 1
    told = f"Of {len(choice.judged)} cells {rule} ({better} is better) chooses {winner.told()}."
    if others:
        told += f" {others} other {'cell' if others == 1 else 'cells'} cannot be told from it, given the seeds."
    elif len(choice.judged) > 1:
        told += " Every other cell is beaten (p below 0.05, all comparisons accounted for)."
    caption = f"Cells of the sweep by {rule}: means over seeds, standard errors in brackets."
    problems = dict.fromkeys(f"{group.told()}, {problem}" for group in choice.groups for problem in group.problems)
    return [
        Prose(told),
        cells_table(choice, caption),
        *(Alarm(f"on the edge of the grid: {alarm}") for alarm in choice.boundary),
        *(Alarm(warning) for warning in choice.warnings),
        *(Alarm(f"left out: {problem}") for problem in problems),
    ]


def cells_table(choice: Choice, caption: str = "") -> Table:
    """Every cell, the best first, with its mean and whether it may be the best."""
    rows: list[list[Cell]] = [
        [*_settings(choice, group), _mean(group), len(group.values), standing(choice, group)] for group in choice.groups
    ]
    head = [*knobs(choice.groups), "mean (s.e.)", "seeds", ""]
    return Table(head, rows, caption, frozenset([0]), is_result=True)


def seeds_table(rule: Rule, choice: Choice) -> Table:
    """The same with a column for each seed."""
    seeds = sorted({seed for group in choice.groups for seed in group.values})
    rows: list[list[Cell]] = [
        [group.cell, *_settings(choice, group), _mean(group), len(group.values), standing(choice, group)]
        + [group.values.get(seed) for seed in seeds]
        for group in choice.groups
    ]
    head = ["cell", *knobs(choice.groups), str(rule), "seeds", "standing", *(f"seed {seed}" for seed in seeds)]
    return Table(head, rows)


def _settings(choice: Choice, group: Group) -> list[Cell]:
    """The knobs of one cell, a column each; nothing for those that it does not have."""
    return [plain(group.settings[path]) if path in group.settings else None for path in knobs(choice.groups)]


def _mean(group: Group) -> Cell:
    return Measured(group.mean, group.standard_error) if group.values else None


def standing(choice: Choice, group: Group) -> str:
    """Whether a cell is the best, or may be."""
    return "winner" if group.cell == choice.winner.cell else "tie" if choice.is_tied(group) else ""


def sensitivity_blocks(rule: Rule, choice: Choice) -> list[Block]:
    """The response to each knob of numbers as a chart, and maps of knobs two by two."""
    tried = [path for path, values in knobs(choice.judged).items() if len(values) > 1]
    charts = [_response(rule, choice, path) for path in tried if all(map(is_number, knobs(choice.judged)[path]))]
    pairs = [(a, b) for index, a in enumerate(tried) for b in tried[index + 1 :]][:MAPS]
    return [*charts, *(_map(heat(choice, a, b, rule.higher_is_better), rule) for a, b in pairs)]


def _response(rule: Rule, choice: Choice, knob: str) -> Chart:
    found = response(choice, knob, rule.higher_is_better)
    lines = [_points(AT_WINNER, found.at_winner)]
    lines += [_points(AT_BEST, found.at_best)] if found.at_best != found.at_winner else []
    seeds = " or ".join(sorted({str(point.seeds) for point in found.at_best}))
    caption = f"{rule} by {knob}; strokes are the 95 % intervals of the means over {seeds} seeds"
    is_log = is_logarithmic([point.value for point in found.at_best])
    return chart_of(lines, str(rule), knob, caption, is_log_x=is_log)


def _points(name: str, points: Sequence[Point]) -> Line:
    band = [
        (point.value, point.low, point.high) for point in points if point.low is not None and point.high is not None
    ]
    return Line(name, [(point.value, point.mean) for point in points], band, has_dots=True)


def _map(both: Heat, rule: Rule) -> Table:
    """Means by two knobs, a star at what may be the best."""
    (down, across), (rows, columns) = both.knobs, both.values
    cells: list[list[Cell]] = [
        [
            plain(value),
            *(None if mean is None else f"{mean:.4g}{'*' * tied}" for mean, tied in zip(means, ties, strict=True)),
        ]
        for value, means, ties in zip(rows, both.means, both.ties, strict=True)
    ]
    caption = f"{rule} by {down} (down) and {across} (across), with the best other settings; * may be the best."
    return Table([down, *map(plain, columns)], cells, caption)


def earlier_choices(sweep: Sweep) -> Table | None:
    """Every selection that was kept, oldest first; None where none was."""
    rows: list[list[Cell]] = [
        [
            days.day(line["time"]),
            Code(one["rule"]["text"]),
            told_settings(one["settings"]),
            _kept_mean(one),
            one["cells"],
            len(one["ties"]),
        ]
        for line in selections(sweep)
        for one in line["rules"]
    ]
    head = ["selected", "by", "chosen", "mean (s.e.)", "cells", "may be the best"]
    return Table(head, rows) if rows else None


def told_settings(settings: dict[str, Any]) -> str:
    """Settings as one would type them."""
    return " ".join(f"{path}={plain(value)}" for path, value in settings.items()) or "the only cell"


def _kept_mean(one: dict[str, Any]) -> Measured:
    return Measured(one["mean"], one["standard_error"])
