"""From the text of a rule to its value, with a sentence for each way to get it wrong."""

from __future__ import annotations

import math
import re

from seqlab.journal import names
from seqlab.journal.digest import higher_is_better
from seqlab.sweeps.errors import SweepError
from seqlab.sweeps.rules.rule import DIRECTIONS, REDUCTIONS, UNITS, Edge, Range, Rule, Window

__all__ = ["EXAMPLE", "parse"]

LOSSES = ("loss", "perplexity", "bits_per_byte", "error")
"""Ends of names whose lower values are better, beyond doubt."""
EXAMPLE = "mean(train/accuracy; last epoch of each task; last 50 tasks)"
_CALL = re.compile(r"\s*([\w-]*)\s*\((.*)\)\s*", re.DOTALL)
_NUMBER = r"[0-9][0-9_]*(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?"
_EDGE = re.compile(rf"(first|last)(?:\s+({_NUMBER})\s*(%\s*of)?)?\s+([a-z]+)(\s+of\s+each\s+task)?")
_RANGE = re.compile(rf"([a-z]+)\s+({_NUMBER})?\s*\.\.\s*({_NUMBER})?")
_CROSSING = re.compile(rf"steps\s+to\s+(-?(?:{_NUMBER}))")
_DIRECTION = re.compile(r"([a-z]+)(?:\s+is\s+better)?")


def parse(text: str) -> Rule:
    """The rule that `text` says. Raises SweepError naming what is wrong, and the nearest right word."""
    call = _CALL.fullmatch(text)
    if call is None:
        raise SweepError(_no_rule(text))
    reduction, (metric, *clauses) = call[1], (part.strip() for part in call[2].split(";"))
    if reduction not in REDUCTIONS:
        known = names.perhaps(reduction, REDUCTIONS) or f"; there are {names.enumerated(REDUCTIONS)}"
        raise SweepError(f"{text!r}: there is no reduction {reduction!r}{known}")
    _check_metric(text, metric)
    windows: list[Window] = []
    direction: str | None = None
    threshold: float | None = None
    for clause in clauses:
        if crossing := _CROSSING.fullmatch(clause):
            threshold = float(crossing[1])
            continue
        found = _window(text, clause)
        if isinstance(found, str):
            if direction not in (None, found):
                raise SweepError(f"{text!r} mixes directions: it wants {direction} and {found} values; leave one out")
            direction = found
        else:
            windows.append(found)
    if threshold is not None:
        return Rule(reduction, metric, tuple(windows), direction, threshold)
    _check_direction(text, reduction, metric, direction)
    return Rule(reduction, metric, tuple(windows), direction or _implied(reduction, metric))


def _no_rule(text: str) -> str:
    metric = text.strip()
    if re.fullmatch(r"[\w.-]+(/[\w.-]+)+", metric):
        best = "max" if higher_is_better(metric) else "min"
        return f"{text!r} says which metric, not which of its values; write {best}({metric}) or last({metric})"
    return f"{text!r} is no rule; write REDUCTION(METRIC; WINDOW; ...), such as min(val/loss) or {EXAMPLE}"


def _check_metric(text: str, metric: str) -> None:
    if not metric:
        raise SweepError(f"{text!r} names no metric; write it first within the brackets, such as {EXAMPLE}")
    if "," in metric:
        raise SweepError(f"{text!r} names several metrics; a rule takes one: give each a rule of its own")
    if _EDGE.fullmatch(metric) or _RANGE.fullmatch(metric):
        raise SweepError(f"{text!r} names no metric: {metric!r} is a window; write the metric before it")
    if not all(metric.partition("/")) or re.search(r"\s", metric):
        raise SweepError(f"{text!r}: {metric!r} is no metric; a metric names its phase, such as train/accuracy")


def _window(text: str, clause: str) -> Window | str:
    """The window, or the direction, that a clause says."""
    if found := _EDGE.fullmatch(clause):
        side, amount, percent, unit, each = found.groups()
        return Edge(side, _amount(text, clause, amount, bool(percent)), _unit(text, unit), bool(percent), bool(each))
    if found := _RANGE.fullmatch(clause):
        unit, start, end = found.groups()
        low, high = (None if at is None else float(at) for at in (start, end))
        if low is None and high is None:
            raise SweepError(f"{text!r}: {clause!r} has no end; write {unit} FROM..TO, or leave it out")
        if low is not None and high is not None and low > high:
            raise SweepError(f"{text!r}: {clause!r} ends before it begins")
        return Range(_unit(text, unit), low, high)
    if (found := _DIRECTION.fullmatch(clause)) and found[1] in DIRECTIONS:
        return found[1]
    raise SweepError(
        f"{text!r}: {clause!r} is neither a window nor a direction; write 'last 50 tasks', 'last epoch of each task', "
        "'last 10 % of steps', 'tokens 1e6..2e6', 'steps to 0.9', or 'higher is better'"
    )


def _amount(text: str, clause: str, amount: str | None, is_percent: bool) -> float:
    value = 1.0 if amount is None else float(amount)
    if not 0 < value < math.inf:
        raise SweepError(f"{text!r}: {clause!r} holds nothing; the number must be above zero")
    if is_percent and value > 100:
        raise SweepError(f"{text!r}: {clause!r} is more than the whole")
    return value


def _unit(text: str, word: str) -> str:
    unit = word if word.endswith("s") else f"{word}s"
    if unit not in UNITS:
        known = names.perhaps(unit, UNITS) or f"; there are {names.enumerated(list(UNITS))}"
        raise SweepError(f"{text!r}: there is no unit {word!r}{known}")
    return unit


def _implied(reduction: str, metric: str) -> str | None:
    """The direction that must be said for the rule to read the same; None where the metric's name says it."""
    wanted = {"min": False, "max": True}.get(reduction)
    return None if wanted is None or wanted == higher_is_better(metric) else ("higher" if wanted else "lower")


def _check_direction(text: str, reduction: str, metric: str, direction: str | None) -> None:
    """The lowest of an accuracy, or the highest of a loss, is its worst: meant, or a slip of the pen."""
    is_loss = metric.endswith(LOSSES)
    worst = (reduction == "min" and higher_is_better(metric)) or (reduction == "max" and is_loss)
    if direction is not None or not worst:
        return
    taken, better, other = ("highest", "lower", "min") if is_loss else ("lowest", "higher", "max")
    raise SweepError(
        f"{text!r} mixes directions: it takes the {taken}, and of {metric} the {better} is better; "
        f"write {other}({metric}), or add '; {better} is better' when the worst value is meant"
    )
