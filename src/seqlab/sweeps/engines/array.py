"""The jobs of a sweep in Slurm's queue, as one launcher tends them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

from seqlab.journal import DiskFull
from seqlab.journal.errors import ReadOnly
from seqlab.sweeps.engines import squeue
from seqlab.sweeps.engines.jobs import tickets
from seqlab.sweeps.engines.options import Options
from seqlab.sweeps.engines.sbatch import submit
from seqlab.sweeps.engines.squeue import ENGINE, Job
from seqlab.sweeps.queue import Queue
from seqlab.sweeps.record import Sweep, Trial
from seqlab.sweeps.stopping import is_stopping
from seqlab.sweeps.watch import Following, SweepWatch

__all__ = ["Array"]

ASK_SECONDS = 10.0
"""Between two questions to Slurm, which does not like to be asked often."""
SUBMISSIONS = 4
"""How often a launcher submits a trial whose jobs are lost: a node failed, a limit came without a warning."""
CONCLUSIONS = {
    "CANCELLED": ("stopped", "was cancelled in Slurm"),
    "FAILED": ("failed", "failed"),
    "OUT_OF_MEMORY": ("failed", "ran out of memory; ask for more, such as memory=8G"),
}
"""Ends of a job that are its trial's as well; whose job ended otherwise before its trial did is submitted again."""


class Array:
    """Use `tend` again and again, then perhaps `end`."""

    def __init__(
        self, sweep: Sweep, trials: Sequence[Trial], options: Options, slots: int | None, watch: SweepWatch
    ) -> None:
        self._sweep, self._trials, self._options, self._slots, self._watch = sweep, trials, options, slots, watch
        self._asked = -ASK_SECONDS
        self._submitted: Counter[str] = Counter()
        self._had_job: set[str] = set()
        self._idle: set[str] = set()
        """Trials without a job at the last question: Slurm may tell of a job's end before a network folder does."""

    def tend(self, following: Following) -> None:
        """Submit what has no job, and write down what has lost its job for good. Asks Slurm from time to time.

        Raises ExecutorError where Slurm refuses or does not answer.
        """
        if time.monotonic() - self._asked < ASK_SECONDS:
            return
        jobs = self._jobs()
        if is_stopping(self._sweep):
            return  # whoever asked for that cancels jobs, which is no end of their trials
        following.look()
        left = [trial for trial in self._trials if following.standings[trial.id].kind != "ended"]
        idle = [trial for trial in left if trial.id not in jobs or jobs[trial.id].has_ended]
        lost = [trial for trial in idle if trial.id in self._had_job & self._idle]
        wanted = [trial for trial in idle if trial.id not in self._had_job]
        wanted += [trial for trial in lost if not self._concluded(trial, jobs.get(trial.id))]
        self._had_job |= {trial.id for trial in left}
        self._idle = {trial.id for trial in idle} - {trial.id for trial in wanted}
        self._submit(wanted)
        self._asked = time.monotonic()

    def _jobs(self) -> dict[str, Job]:
        """Trial -> its newest job, where Slurm lists it."""
        found, known = squeue.jobs(), tickets(self._sweep, ENGINE)
        return {trial: found[ticket] for trial, ticket in known.items() if ticket in found}

    def _submit(self, trials: Sequence[Trial]) -> None:
        if not trials:
            return
        for trial in trials:
            self._record(trial)
        submit(self._sweep, trials, self._options, self._slots)
        self._submitted.update(trial.id for trial in trials)
        self._watch.message(f"{len(trials)} jobs are in Slurm's queue; `seqlab ls` shows their places")

    def _record(self, trial: Trial) -> None:
        """Make the queued run of a trial, so that it is listed while its job waits.

        What cannot be built here may be built on a node, which has a GPU or more memory: its job makes the run.
        """
        from seqlab.sweeps.work import recorded  # imports torch
        from seqlab.train.worker import MISTAKES

        try:
            recorded(self._sweep, trial)
        except (DiskFull, ReadOnly):
            raise
        except MISTAKES as error:
            self._watch.message(f"the run of {trial.id} is made when its job begins: {error}")

    def _concluded(self, trial: Trial, job: Job | None) -> bool:
        """Whether a trial that has lost its job is not to be submitted again; then the queue is told why."""
        if job is not None and job.state in CONCLUSIONS:
            state, told = CONCLUSIONS[job.state]
            evidence = f"job {job.id} {told}"
        elif self._submitted[trial.id] >= SUBMISSIONS:
            state, evidence = "crashed", f"its job was lost {SUBMISSIONS} times, one after the other"
        else:
            return False
        Queue(self._sweep).ended(trial, state, f"{evidence} ({self._sweep.folder / ENGINE} has the logs)")
        return True

    def end(self) -> None:
        """Cancel the jobs that wait, and have those that run save, hand their trials back and end."""
        mine = {trial.id for trial in self._trials}
        while jobs := [job for trial, job in self._jobs().items() if trial in mine and not job.has_ended]:
            squeue.cancel([job.id for job in jobs if job.is_waiting])
            squeue.ask_to_end([job.id for job in jobs if job.state == "RUNNING"])
            time.sleep(1)
