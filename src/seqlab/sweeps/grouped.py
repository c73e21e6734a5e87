"""Groups of runs as one types them: `NAME=RUN,RUN`, `SWEEP:CELL`, `SWEEP:key=value`, `tag:NAME`, or a run alone;
`SWEEP:` where the sweep has one cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seqlab.journal import JournalError, LabBook, Run, names
from seqlab.journal.groups import RunGroup
from seqlab.journal.taint import taints
from seqlab.sweeps.errors import SweepError
from seqlab.sweeps.grid import setting
from seqlab.sweeps.record import Sweep
from seqlab.sweeps.select.groups import typed
from seqlab.sweeps.select.outcomes import Outcome, outcomes

__all__ = ["grouped"]

COUNTED = ("finished", "imported")


def grouped(book: LabBook, texts: Sequence[str], least: int = 2) -> list[RunGroup]:
    """The groups that are to be compared, each with a name of its own and with runs of its own. least: how many.

    Raises JournalError and SweepError, one sentence each.
    """
    groups = [_group(book, text) for text in texts]
    seen: dict[Any, str] = {}
    for group in groups:
        for run in group.runs:
            if run.folder in seen and len(group.runs) > 1:
                raise JournalError(f"{run.name} is in {seen[run.folder]} and in {group.name}; compare each run once")
            seen[run.folder] = group.name
    enough = len({group.name for group in groups}) >= max(least, len(texts))
    if len(seen) < sum(len(group.runs) for group in groups) or not enough:
        several = "two runs or more, or groups" if least > 1 else "runs or groups"
        raise JournalError(f"this takes {several}, each once and with a name of its own")
    return groups


def _group(book: LabBook, text: str) -> RunGroup:
    label, equals, rest = text.partition("=")
    is_labelled = bool(equals) and not {":", "/", ","} & set(label)
    what = rest if is_labelled else text
    name = label if is_labelled else text
    place, colon, chosen = what.partition(":")
    if colon and "/" not in place:
        return _tagged(book, name, chosen) if place == "tag" else _of_sweep(Sweep.open(book, place), name, chosen)
    runs = tuple(book.open(one) for one in what.split(",") if one)
    if not runs:
        raise JournalError(f"{text!r} names no run; write NAME=RUN,RUN")
    return RunGroup(name, runs) if is_labelled or len(runs) > 1 else RunGroup.alone(runs[0])


def _tagged(book: LabBook, name: str, tag: str) -> RunGroup:
    tainted = taints(book.everything())
    asked = [run for run in book.runs() if tag in run.tags]
    if not asked:
        known = sorted({one for run in book.runs() for one in run.tags})
        raise JournalError(f"no run has the tag {tag!r}{names.perhaps(tag, known)}")
    problems = {run: _problem(run, tainted) for run in asked}
    return _counted(name, [run for run in asked if not problems[run]], [one for one in problems.values() if one])


def _problem(run: Run, tainted: Mapping[str, str]) -> str | None:
    if run.name in tainted:
        return f"{run.name} is tainted: {tainted[run.name]}"
    state = run.state()
    return None if state.name in COUNTED else f"{run.name} is {state.name} ({state.evidence})"


def _of_sweep(sweep: Sweep, name: str, chosen: str) -> RunGroup:
    found = outcomes(sweep)
    cells = {one.trial.cell: one.trial.settings for one in found}
    settings = _settings(sweep, chosen, cells) if "=" in chosen else None
    meant = [
        cell
        for cell, has in cells.items()
        if (cell.startswith(chosen) if settings is None else all(has.get(key) == settings[key] for key in settings))
    ]
    if not meant:
        known = "; ".join(_told(has) for has in list(cells.values())[: names.LISTED])
        raise SweepError(f"the sweep {sweep.name} has no cell {chosen!r}; there are {known}")
    if len(meant) > 1 and not chosen:
        raise SweepError(f"the sweep {sweep.name} has {len(meant)} cells; say which: {sweep.name}:FIELD=VALUE")
    if len(meant) > 1:
        several = "; ".join(_told(cells[cell]) for cell in meant[: names.LISTED])
        raise SweepError(f"{sweep.name}:{chosen} means {len(meant)} cells ({several}); say which, with commas between")
    members = [one for one in found if one.trial.cell == meant[0]]
    return _of_cell(name, members)


def _of_cell(name: str, members: Sequence[Outcome]) -> RunGroup:
    runs = [one.run for one in members if one.run is not None and one.problem is None]
    return _counted(name, runs, [one.problem for one in members if one.problem is not None])


def _counted(name: str, runs: Sequence[Run], problems: Sequence[str]) -> RunGroup:
    if not runs:
        raise JournalError(f"no run of {name} counts; the first: {problems[0]}")
    return RunGroup(name, tuple(runs), tuple(f"left out: {problem}" for problem in problems))


def _settings(sweep: Sweep, chosen: str, cells: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Knob -> value; a knob may be said by its last word where that is plain."""
    known = list(dict.fromkeys(path for settings in cells.values() for path in settings))
    found = {}
    for text in chosen.split(","):
        key, _, value = text.partition("=")
        meant = [path for path in known if path == key] or [path for path in known if path.endswith(f".{key}")]
        if len(meant) != 1:
            raise SweepError(f"{key!r} is no knob of the sweep {sweep.name}; it varies {names.enumerated(known)}")
        found[meant[0]] = setting(value)
    return found


def _told(settings: Mapping[str, Any]) -> str:
    return ",".join(f"{path}={typed(value)}" for path, value in settings.items()) or "(no knob)"
