"""Seconds of the default audits: measured anew, cited, of what was trained; and which take longest."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from tempfile import TemporaryDirectory

from seqlab.audits.shared import code
from seqlab.audits.shared.gate import Result, defaults, examine
from seqlab.audits.shared.subject import Subject
from seqlab.bench import Interrupted, Options, Row
from seqlab.bench.shared.subjects import subjects, transformer
from seqlab.bench.shared.timing import Timing
from seqlab.experiment import Budget, Experiment
from seqlab.train.loop import train
from seqlab.train.start import prepare, record

__all__ = ["measure"]

ONE_MILLION = "1 M parameters"
FRESH, CITED, SHARE = 10.0, 0.1, 2.0
"""Targets: seconds, seconds, and per cent of a run of ten minutes."""
TEN_MINUTES = 600.0
LONGEST = 5
"""How many single audits are shown."""


def measure(options: Options) -> list[Row]:
    """Each experiment is built, audited twice in a cache of its own, trained for a step and audited again. The
    share counts the audits before and after training, none of them cited."""
    rounds = 1 if options.quick else 3
    larger = {ONE_MILLION: transformer(dim=128, layers=5, length=128)}
    return [
        row
        for name, experiment in subjects(options, **larger).items()
        for row in _rows(name, [_audited(name, experiment) for _ in range(rounds)])
    ]


Stages = dict[str, list[Result]]


def _audited(name: str, experiment: Experiment) -> Stages:
    with TemporaryDirectory(prefix="seqlab-bench-") as folder, _cache(f"{folder}/cache"):
        prepared = prepare(replace(experiment, budget=Budget(steps=1)), f"{folder}/runs")
        fresh, again = (_results(Subject(prepared.training)) for _ in range(2))
        run = record(prepared)
        Interrupted.check(train(prepared.training, run), name)
        trained = _results(Subject(prepared.training, "trained", run=run))
    return {"fresh": fresh, "cited": again, "trained": trained}


def _results(subject: Subject) -> list[Result]:
    return list(examine(subject, defaults(subject)))


@contextmanager
def _cache(folder: str) -> Iterator[None]:
    """A cache of one's own, so that nothing is known beforehand; the data's floors are made anew too."""
    before = os.environ.get("SEQLAB_CACHE")
    os.environ["SEQLAB_CACHE"] = folder
    code.of_seqlab()  # once a process, and not what is measured
    try:
        yield
    finally:
        del os.environ["SEQLAB_CACHE"]
        if before is not None:
            os.environ["SEQLAB_CACHE"] = before


def _rows(name: str, rounds: list[Stages]) -> Iterator[Row]:
    def timing(*stages: str, audit: str = "") -> Timing:
        return Timing(tuple(sum(r.seconds for s in stages for r in one[s] if audit in ("", r.name)) for one in rounds))

    count = len(rounds[0]["fresh"])
    yield timing("fresh").row(f"{name}: {count} before training", "s", target=FRESH)
    yield timing("cited").row(f"{name}: the same, cited", "s", target=CITED)
    both = timing("fresh", "trained")
    yield both.row(f"{name}: before and after", "% of 10 min", scale=100 / TEN_MINUTES, target=SHARE)
    alone = {result.name: timing("fresh", audit=result.name) for result in rounds[0]["fresh"]}
    for audit, seconds in sorted(alone.items(), key=lambda item: -item[1].median)[:LONGEST]:
        yield seconds.row(f"{name}: {audit}", "s")
