"""Arrays of jobs, handed to Slurm by submitit."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seqlab.sweeps.engines.jobs import note_array
from seqlab.sweeps.engines.node import Assignment
from seqlab.sweeps.engines.options import Options
from seqlab.sweeps.engines.slurm_job import SlurmJob
from seqlab.sweeps.engines.squeue import ENGINE
from seqlab.sweeps.errors import ExecutorError
from seqlab.sweeps.record import Sweep, Trial

__all__ = ["parameters", "submit"]

ARRAY = 1000
"""Jobs in one array; Slurm's own limit is 1001 unless a site sets another."""
MINUTES = 60
"""The time limit of a job, unless it is given."""
WARNING_SECONDS = 90
"""How long before its limit a job is told to save; half its time where that is less."""
FOREVER = 10**9
"""submitit takes every requeue of a job of less than ten minutes for a time-out and ends the job after so many."""
OURS = ("time", "cpus", "gpus", "memory")


def parameters(options: Options) -> dict[str, Any]:
    """What submitit writes into the batch file. An option that is none of ours goes to sbatch under its own name."""
    minutes = options.whole("time", MINUTES)
    gpus = options.whole("gpus", 0)
    return {
        "partition": options.place,
        "time": minutes,
        "signal_delay_s": min(WARNING_SECONDS, 30 * minutes),
        "cpus_per_task": options.whole("cpus", 1),
        "gpus_per_node": gpus or None,
        "mem": options.given.get("memory"),
        "stderr_to_stdout": True,
        "additional_parameters": {name: value for name, value in options.given.items() if name not in OURS},
    }


def submit(sweep: Sweep, trials: Sequence[Trial], options: Options, slots: int | None) -> None:
    """Submit a job for each trial, at most `slots` of them to run at a time.

    Raises ExecutorError in Slurm's words where it refuses; what was submitted before stays.
    """
    import submitit
    from submitit.core.utils import FailedJobError, FailedSubmissionError

    for start in range(0, len(trials), ARRAY):
        batch = trials[start : start + ARRAY]
        executor = submitit.SlurmExecutor(sweep.folder / ENGINE, max_num_timeout=FOREVER)
        array = note_array(sweep, ENGINE, batch)
        executor.update_parameters(job_name=array, array_parallelism=slots or len(batch), **parameters(options))
        try:
            with contextlib.redirect_stderr(io.StringIO()):  # submitit prints what it raises
                executor.submit_array([SlurmJob(_assignment(sweep, trial, options)) for trial in batch])
        except (FailedJobError, FailedSubmissionError) as error:
            raise ExecutorError(
                f"Slurm refuses the jobs of {sweep.name} ({_words(error)}); "
                f"go on elsewhere or with other options by `seqlab sweep --continue {sweep.name} --on ENGINE`"
            ) from None


def _assignment(sweep: Sweep, trial: Trial, options: Options) -> Assignment:
    return Assignment(str(sweep.folder), trial.id, ENGINE, options.whole("cpus", 1), str(Path.cwd()))


def _words(error: Exception) -> str:
    """What sbatch said, without its name before every line."""
    lines = (line.removeprefix("sbatch: ").removeprefix("error: ") for line in str(error).splitlines())
    return "; ".join(line.strip() for line in lines if line.strip())
