"""A sweep carried out as far as it goes: what is missing, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from seqlab.sweeps.executors import Executor
from seqlab.sweeps.queue import Queue, Standing
from seqlab.sweeps.record import Sweep, Trial
from seqlab.sweeps.select.outcomes import outcomes
from seqlab.sweeps.stopping import let_go_on
from seqlab.sweeps.watch import SweepWatch

__all__ = ["carry_out_sweep", "counts", "missing", "retry", "state_of"]


def carry_out_sweep(sweep: Sweep, executor: Executor, watch: SweepWatch | None = None) -> None:
    """Carry out the trials of a sweep that have not ended; blocks until none is left, or somebody stops it.

    Raises ExecutorError where the engine is gone or refuses: the queue and all finished runs survive that.
    """
    let_go_on(sweep)
    if trials := missing(sweep):
        executor.carry_out(sweep, trials, watch or SweepWatch())


def missing(sweep: Sweep) -> list[Trial]:
    """The trials that have not ended: waiting, handed back, or held by somebody."""
    standings = Queue(sweep).standings()
    return [trial for trial in sweep.trials().values() if standings.get(trial.id, Standing()).kind != "ended"]


def retry(sweep: Sweep) -> list[Trial]:
    """Put back what has ended without a result: failed, diverged, crashed, stopped, or its run is gone."""
    standings, queue = Queue(sweep).standings(), Queue(sweep)
    again = [
        outcome.trial
        for outcome in outcomes(sweep)
        if outcome.problem and not outcome.is_tainted and standings.get(outcome.trial.id, Standing()).kind == "ended"
    ]
    for trial in again:
        queue.give_back(trial, "to be tried again")
    return again


def counts(sweep: Sweep) -> Mapping[str, int]:
    """How many trials there are of each standing: waiting, running, and how the others ended."""
    standings = Queue(sweep).standings()
    return Counter(state_of(standings.get(trial, Standing())) for trial in sweep.trials())


def state_of(standing: Standing) -> str:
    """How a trial stands: waiting, running, or the state in which it ended."""
    if standing.kind == "ended":
        return standing.state or "ended"
    return "waiting" if standing.is_free else "running"
