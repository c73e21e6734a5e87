"""Several trials of a sweep carried out together, as one batched program, where they can be and gain by it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from seqlab.audits.shared.gate import Auditor
from seqlab.experiment import Experiment
from seqlab.journal import DiskFull, Run
from seqlab.journal.errors import ReadOnly
from seqlab.spec import SpecError
from seqlab.sweeps.errors import SweepError
from seqlab.sweeps.queue import Queue
from seqlab.sweeps.record import Sweep, Trial
from seqlab.sweeps.stopping import is_stopping
from seqlab.sweeps.work import RETURNED, auditor_of_trials, begun, ended, experiment_of
from seqlab.train.loop import train
from seqlab.train.packed.refusals import CannotPack, refusal, unlike
from seqlab.train.training import Training
from seqlab.train.watch import Watch

__all__ = ["carry_out_packed", "claim_alike", "told_alone"]


def told_alone(experiments: Sequence[Experiment]) -> list[str]:
    """A sentence for each reason for which some of a sweep's cells, one experiment each, are never packed."""
    counts = Counter(filter(None, map(refusal, experiments)))
    return [
        f"{count} of {len(experiments)} cells train{'s' * (count == 1)} one run after the other, not packed: {reason}"
        for reason, count in counts.items()
    ]


def claim_alike(sweep: Sweep, count: int, place: str | None = None) -> list[Trial]:
    """Claim the first free trial, and up to `count` in all of those that share its shapes."""
    queue, about = Queue(sweep), {"place": place} if place else {}
    first = queue.claim(**about)
    taken = [first] if first is not None else []
    alike = _alike(sweep, first) if first is not None and count > 1 else set()
    while taken and len(taken) < count and (trial := queue.claim(among=alike, **about)) is not None:
        taken.append(trial)
    return taken


def _alike(sweep: Sweep, trial: Trial) -> set[str]:
    """The trials that may be packed with this one: of its shapes, and neither it nor they are refused; a cell that
    cannot be read goes with none."""
    cells: dict[str, Experiment] = {}
    trials = sweep.trials().values()
    for one in {each.cell: each for each in trials}.values():
        with suppress(SpecError, SweepError):
            experiment = experiment_of(sweep, one)
            if refusal(experiment) is None:
                cells[one.cell] = experiment
    like = cells.get(trial.cell)
    shared = {cell for cell, experiment in cells.items() if like is not None and unlike(like, experiment) is None}
    return {one.id for one in trials if one.cell in shared}


@dataclass(frozen=True)
class _Begun:
    trial: Trial
    run: Run
    training: Training


def carry_out_packed(
    sweep: Sweep, trials: Sequence[Trial], watch: Watch, deadline: float | None = None
) -> Iterator[tuple[Trial, str]]:
    """Train trials that this process has claimed, all at once, or where that cannot be one after the other; yields each
    with the state that was written into the queue. Raises as `seqlab.sweeps.work.carry_out` does."""
    auditor, found, failure = auditor_of_trials(), list[_Begun](), None
    for trial in trials:
        run = None
        try:
            run, training = begun(sweep, trial, auditor)
        except Exception as error:
            yield trial, ended(sweep, trial, run, error)
            continue
        if training is None or is_stopping(sweep):
            yield trial, ended(sweep, trial, run, "stopped" if is_stopping(sweep) else "finished")
        else:
            found.append(_Begun(trial, run, training))
    for one, outcome in _outcomes(found, watch, deadline, auditor):
        try:
            yield one.trial, ended(sweep, one.trial, one.run, outcome)
        except (DiskFull, ReadOnly) as error:
            failure = error  # the others are handed back before it travels on
    if failure is not None:
        raise failure


def _outcomes(
    found: Sequence[_Begun], watch: Watch, deadline: float | None, auditor: Auditor
) -> Iterator[tuple[_Begun, str | Exception]]:
    if len(found) > 1:
        from seqlab.train.packed.loop import Member, train_packed  # its tracer takes a second to import

        try:
            members = [Member(one.training, one.run, watch) for one in found]
            yield from zip(found, train_packed(members, deadline, auditor), strict=True)
            return
        except CannotPack as refusal:
            watch.message(f"not packed: {refusal}")
    state: str | Exception = "finished"
    for one in found:
        if state in RETURNED:  # asked to end: what has not begun is handed back as well
            yield one, state
            continue
        try:
            state = train(one.training, one.run, watch, deadline, auditor)
        except Exception as error:
            state = error
        yield one, state
