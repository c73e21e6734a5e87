"""A worker that trains nothing: what a trial's settings say it does, and it notes where and when it worked.

`do`: "work" for a moment, "die" of a SIGKILL, "fail" as a worker that cannot start does, or "hold" until there is a
file `go` in the sweep's folder.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from seqlab.journal import LabBook
from seqlab.sweeps.queue import Queue
from seqlab.sweeps.record import Sweep


def main() -> None:
    folder = Path(sys.argv[1])
    sweep = Sweep.open(LabBook(folder.parent.parent), folder.name)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))
    while (trial := Queue(sweep).claim(place=sys.argv[3])) is not None:
        note(folder, trial.id, "begins")
        match trial.settings["do"]:
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
            case "fail":
                Queue(sweep).give_back(trial)
                sys.exit("the disk is full")
            case "hold":
                while not (folder / "go").exists():
                    time.sleep(0.005)
        time.sleep(0.01)
        note(folder, trial.id, "ends")
        Queue(sweep).ended(trial, "finished")


def note(folder: Path, trial: str, what: str) -> None:
    slot = os.environ.get("CUDA_VISIBLE_DEVICES") or "none", os.environ["OMP_NUM_THREADS"]
    with (folder / "notes.txt").open("a") as file:
        file.write(f"{what} {trial} {os.getpid()} {slot[0]} {slot[1]}\n")


if __name__ == "__main__":
    main()
