"""What a page is of: a run, a sweep, or the runs of a query."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from seqlab.journal import JournalError, LabBook, Run, names
from seqlab.journal.where import select
from seqlab.report.page import Page
from seqlab.report.pages.run import run_page
from seqlab.report.pages.runs import runs_page
from seqlab.report.pages.sweep import sweep_page
from seqlab.sweeps.record import sweeps

__all__ = ["Subject", "readable", "subject"]

SIGN = re.compile(r"[<>=!~]")
"""A word with one of these is a filter; no name of a run or a sweep has one."""


@dataclass(frozen=True)
class Subject:
    """Runs, and how they were asked for."""

    title: str
    runs: list[Run]
    sweep: str | None = None
    """The name of the sweep whose runs they are."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Runs that no filter could judge, for they cannot be read: name -> why."""
    is_query: bool = False
    """Whether it is a page of several runs, even where the query found but one."""

    def page(self, book: LabBook, metric: str | None, rules: Sequence[str]) -> Page:
        """The page. metric: what is drawn; rules: what chooses among the cells of a sweep."""
        if self.sweep is not None:
            return sweep_page(book, self.sweep, rules, metric)
        if self.is_query:
            return runs_page(book, self.runs, self.title, metric, self.left_out)
        return run_page(book, self.runs[0])


def subject(book: LabBook, words: Sequence[str], filters: Sequence[str] = ()) -> Subject:
    """The subject of some words: one run, one sweep, several runs, or filters as `seqlab ls --where` takes them.

    Raises JournalError for a name that is none, with the nearest that there is, and for a query that finds nothing.
    """
    named = [word for word in words if not SIGN.search(word)]
    asked = [*filters, *(word for word in words if SIGN.search(word))]
    if len(named) == 1 and not asked:
        return _named(book, named[0])
    runs = list({run.folder: run for run in (_run(book, name) for name in named)}.values()) if named else book.runs()
    found, left_out = readable(runs, asked)
    if not found:
        raise JournalError(f"no run like that in {book.root}: {', '.join([*named, *asked]) or 'there is none'}")
    return Subject(" ".join([*named, *asked]) or "All runs", found, None, left_out, is_query=True)


def _named(book: LabBook, name: str) -> Subject:
    is_sweep = name in sweeps(book)
    if is_sweep and (book.root / name / "experiment.json").is_file():
        raise JournalError(
            f"{name} is a run and a sweep of {book.root}; rename the run, or give the folder of one of them"
        )
    if not is_sweep:
        run = _run(book, name)
        return Subject(run.name, [run])
    found, left_out = readable(book.runs(), [])
    return Subject(name, [run for run in found if run.sweep == name], name, left_out)


def _run(book: LabBook, name: str) -> Run:
    """The run of this name. Raises JournalError naming the nearest run or sweep."""
    try:
        return book.open(name)
    except JournalError:
        known = [*(run.name for run in book.everything()), *sweeps(book)]
        if name in known:
            raise JournalError(f"{name} is a sweep; a sweep is exported alone, its runs by sweep={name}") from None
        near = names.perhaps(name, known)
        if not near:
            raise
        raise JournalError(f"no run and no sweep {name!r} in {book.root}{near}") from None


def readable(runs: Sequence[Run], filters: Sequence[str]) -> tuple[list[Run], dict[str, str]]:
    """The runs that pass the filters, and those that cannot be read: name -> why. Raises JournalError for a wrong
    filter."""
    damaged: dict[str, str] = {}
    try:
        chosen = select(runs, filters)
    except JournalError:
        damaged = _damaged(runs)
        if not damaged:
            raise
        chosen = select([run for run in runs if run.name not in damaged], filters)
    damaged |= _damaged(chosen)
    return [run for run in chosen if run.name not in damaged], damaged


def _damaged(runs: Sequence[Run]) -> dict[str, str]:
    return {run.name: told for run in runs if (told := run.damage())}
