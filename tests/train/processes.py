"""One of several processes that carry out runs together, for the tests: `torchrun processes.py RUN_FOLDER...`.

SEQLAB_TEST_RANK_DIES (`RANK@STEP`) kills that process when it begins that step; SEQLAB_TEST_STOP (`STEP`) has the run
asked to stop at that step.
"""

import os
import signal
import sys
from pathlib import Path

import torch

from seqlab.journal import LabBook
from seqlab.train import loop
from seqlab.train.distributed import joined, partners_told
from seqlab.train.start import resume
from seqlab.train.step import optimiser_step
from seqlab.train.training import Training
from seqlab.train.watch import Watch
from tiny_runs import At

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)


def dying(t: Training) -> object:
    """The optimiser's step, in which the process that was named dies."""
    if f"{t.world.rank}@{t.step}" == os.environ.get("SEQLAB_TEST_RANK_DIES"):
        os.kill(os.getpid(), signal.SIGKILL)
    return optimiser_step(t)


if __name__ == "__main__":
    loop.optimiser_step = dying  # type: ignore[assignment]
    with joined(0.5) as world, partners_told(world):
        for folder in map(Path, sys.argv[1:]):
            run = LabBook(folder.parent).open(folder.name)
            step = int(os.environ.get("SEQLAB_TEST_STOP", 0))
            resume(run, At(step, run.request_stop) if world.is_first and step else Watch(), world=world)
