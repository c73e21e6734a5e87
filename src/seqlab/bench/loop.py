"""What the training loop costs over a bare PyTorch loop of the same model, batches, optimiser and dtype."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from tempfile import TemporaryDirectory

from seqlab.bench import Interrupted, Options, Row
from seqlab.bench.shared.bare_loop import BareLoop
from seqlab.bench.shared.machine import Precision, dtypes
from seqlab.bench.shared.subjects import subjects, transformer
from seqlab.bench.shared.timing import Timing, overhead
from seqlab.experiment import Batching, Budget, Evaluation, Experiment, Snapshots
from seqlab.journal import Run
from seqlab.train.loop import train
from seqlab.train.start import prepare, record
from seqlab.train.watch import Progress, Watch

__all__ = ["measure"]

TARGET = 5.0
"""Per cent."""
LARGER = "4 layers of width 256"
BLOCK = Evaluation().log_every_steps
"""Steps from one metrics line to the next, by default."""
WARM_UP = 3 * BLOCK
"""The early checkpoint, at step 20, is in it."""


def measure(options: Options) -> Iterator[Row]:
    """`seqlab.train.loop.train` itself, in a lab book of its own, interrupted at every metrics line by as many bare
    steps: so blocks of both alternate. Counted for seqlab: batches, dropout's seeds, the schedule, shares of time,
    cadence, the metrics line, stop requests. Not counted, since the bare loop has none: evaluations, checkpoints,
    probes, methods, penalties, an average of the weights."""
    pairs = 1 if options.quick else 9
    for name, experiment in subjects(options, **{LARGER: transformer(dim=256, layers=4)}).items():
        for precision in dtypes():
            yield _compared(f"{name} {precision}", _plain(experiment, precision, pairs), pairs)


def _plain(experiment: Experiment, precision: Precision, pairs: int) -> Experiment:
    """The experiment without what the bare loop lacks, one step longer than what is measured."""
    steps = WARM_UP + BLOCK * pairs + 1
    return replace(
        experiment,
        precision=precision,
        budget=Budget(steps=steps),
        batch=Batching(size=experiment.batch.size),
        evaluation=Evaluation(every_steps=steps),
        snapshots=Snapshots(every_minutes=1e6),
        regularisers=(),
        methods=(),
        probes=(),
        averaging=None,
        start_from=None,
    )


def _compared(what: str, experiment: Experiment, pairs: int) -> Row:
    with TemporaryDirectory(prefix="seqlab-bench-") as folder:
        prepared = prepare(experiment, folder)
        run = record(prepared)
        watch = Alternating(BareLoop(prepared.training, steps=BLOCK), run)
        train(prepared.training, run, watch)
    if len(watch.ours) < pairs:
        raise Interrupted(what)
    ours, bare = Timing(tuple(watch.ours)), Timing(tuple(watch.bare))
    also = {"ms a step": 1e3 * ours.median, "bare ms a step": 1e3 * bare.median}
    return overhead(ours, bare, "bare loop", what=what, unit="% over bare", target=TARGET, also=also)


class Alternating(Watch):
    """At every metrics line: reads the clock, lets the bare loop do as many steps, and sets the clock anew. At the
    last line before the budget ends it stops the run, which spares the evaluation of the whole split."""

    def __init__(self, bare: BareLoop, run: Run) -> None:
        self._loop, self._run = bare, run
        self._since = time.perf_counter()
        self.ours: list[float] = []
        self.bare: list[float] = []

    def metrics(self, progress: Progress, values: Mapping[str, float]) -> None:
        if "train/loss" not in values:
            return
        ours = (time.perf_counter() - self._since) / BLOCK
        bare = self._loop.block()
        if progress.step > WARM_UP:
            self.ours.append(ours)
            self.bare.append(bare)
        if progress.step + 1 == progress.steps:
            self._run.request_stop()
        self._since = time.perf_counter()
