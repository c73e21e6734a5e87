"""What the engines are made of, without an engine: options, tickets, Slurm's listing, the tether, the node's worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from made import declared

from seqlab.journal import LabBook
from seqlab.journal.clock import process_start
from seqlab.sweeps.engines import squeue
from seqlab.sweeps.engines.jobs import Ticket, note_array, tickets
from seqlab.sweeps.engines.node import Assignment, Post, told
from seqlab.sweeps.engines.options import Options
from seqlab.sweeps.engines.ray_order import Order
from seqlab.sweeps.engines.sbatch import parameters
from seqlab.sweeps.engines.waiting import places, take_out
from seqlab.sweeps.errors import SweepError
from seqlab.sweeps.executors import ExecutorError, find_executor
from seqlab.sweeps.record import Sweep


@pytest.fixture
def sweep(book: LabBook) -> Sweep:
    """Two cells of one seed."""
    return declared(book, "rates", [{"optim.lr": 0.1}, {"optim.lr": 0.2}], [0])


def command(folder: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a command of this name first on the path."""
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_options_stand_after_the_place() -> None:
    options = Options.read("slurm", "main,time=30,memory=4G")
    assert (options.place, options.given) == ("main", {"time": "30", "memory": "4G"})
    assert Options.read("slurm", "cpus=2").place is None
    assert Options.read("ray", None) == Options("ray")
    assert (options.whole("time", 60), options.whole("cpus", 1)) == (30, 1)


def test_a_wrong_option_is_a_sentence() -> None:
    with pytest.raises(SweepError, match="`fast` of --on slurm:main,fast is no option; write NAME=VALUE"):
        Options.read("slurm", "main,fast")
    with pytest.raises(SweepError, match=r"ray has no option `cpu`; did you mean `cpus`"):
        Options.read("ray", "here:1,cpu=2").only(["cpus", "gpus"])
    with pytest.raises(SweepError, match="`time=1h` of --on slurm must be a whole number"):
        parameters(Options.read("slurm", "main,time=1h"))


def test_what_is_no_option_of_ours_goes_to_sbatch_and_the_warning_fits_the_limit() -> None:
    long = parameters(Options.read("slurm", "main,time=30,cpus=4,memory=4G,account=lab"))
    assert (long["partition"], long["time"], long["cpus_per_task"], long["mem"]) == ("main", 30, 4, "4G")
    assert (long["signal_delay_s"], long["additional_parameters"]) == (90, {"account": "lab"})
    assert parameters(Options.read("slurm", "time=1"))["signal_delay_s"] == 30


def test_engines_are_found_without_their_libraries() -> None:
    assert {type(find_executor(name)).__name__ for name in ("ray", "slurm:main")} == {"Ray", "Slurm"}


def test_a_trial_has_the_newest_ticket(sweep: Sweep) -> None:
    first, second = sweep.trials().values()
    old = note_array(sweep, "slurm", [first, second])
    new = note_array(sweep, "slurm", [second])
    assert tickets(sweep, "slurm") == {first.id: Ticket(old, 0), second.id: Ticket(new, 0)}
    assert tickets(sweep, "other") == {}


def test_places_are_counted_by_partition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        "7_0|seqlab-a|0|RUNNING|main|None",
        "7_1|seqlab-a|1|PENDING|main|Resources",
        "9|another|N/A|PENDING|long|Priority",
        "7_2|seqlab-a|2|PENDING|main|Priority",
        "7_3|seqlab-a|3|CANCELLED|main|None",
    ]
    command(tmp_path, "squeue", "\n".join(["cat <<END", *lines, "END"]), monkeypatch)
    jobs = squeue.jobs()
    assert [jobs[Ticket("seqlab-a", index)].place for index in range(4)] == [None, 1, 2, None]
    assert jobs[Ticket("seqlab-a", 2)].told() == "2 of 2 in main (Priority)"
    assert jobs[Ticket("another", 0)].told() == "1 of 1 in long (Priority)"
    assert [jobs[Ticket("seqlab-a", index)].has_ended for index in range(4)] == [False, False, False, True]


def test_a_slurm_that_is_silent_or_gone_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command(tmp_path, "squeue", "exec sleep 60", monkeypatch)
    with pytest.raises(ExecutorError, match=r"Slurm has not answered `squeue` within 0.2 s; its jobs"):
        squeue.jobs(patience=0.2)
    command(tmp_path, "squeue", "echo 'Unable to contact' >&2; exit 1", monkeypatch)
    with pytest.raises(ExecutorError, match=r"Slurm did not answer `squeue` \(Unable to contact\); its jobs"):
        squeue.jobs()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ExecutorError, match="there is no `squeue` on this machine"):
        squeue.jobs()


def test_a_queued_run_is_listed_with_its_place_and_taken_out(
    sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial, other = sweep.trials().values()
    asked = {"name": sweep.name, "cell": trial.cell, "trial": trial.id}
    run = sweep.book.create({"part": "experiment:Experiment"}, name="rates-1", origin={"sweep": asked})
    assert places([run]) == {}
    array = note_array(sweep, "slurm", [other, trial])
    command(tmp_path, "squeue", f"echo '7_1|{array}|1|PENDING|main|Resources'", monkeypatch)
    command(tmp_path, "scancel", f'echo "$@" > {tmp_path}/cancelled', monkeypatch)
    assert places([run]) == {"rates-1": "in Slurm's queue: 1 of 1 in main (Resources)"}
    assert take_out(run) == "7_1"
    assert (tmp_path / "cancelled").read_text() == "7_1\n"
    assert run.state().name == "stopped"
    assert "taken out of Slurm's queue" in run.state().evidence
    assert take_out(run) is None


def test_an_order_comes_out_as_it_went_in(tmp_path: Path) -> None:
    order = Order("here:1", 2, 0, None, [Assignment("runs/.sweeps/a", "c-0", "ray", 2, str(tmp_path))])
    assert Order.from_json(order.to_json()) == order


def test_a_process_ends_with_the_one_that_it_is_tethered_to() -> None:
    held = "import sys, time; from seqlab.sweeps.tether import tether; tether(int(sys.argv[1])); time.sleep(60)"
    start = f"subprocess.Popen([sys.executable, '-c', {held!r}, str(os.getpid())])"
    starting = f"import os, subprocess, sys; print({start}.pid, flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", starting], stdin=-1, stdout=-1, text=True) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        assert process_start(pid) is not None
        starter.kill()
    limit = time.monotonic() + 20
    while process_start(pid) is not None:
        assert time.monotonic() < limit
        time.sleep(0.05)


def test_how_a_worker_ended_is_told(sweep: Sweep) -> None:
    post = Post(Assignment(str(sweep.folder), "none-0", "ray", 1, str(sweep.folder)))
    assert post.work() == 1
    assert "no trial none-0" in sweep.workers_file.read_text()
    assert told(post.assignment, 1).endswith("workers.log has what it printed")
    assert told(post.assignment, -signal.SIGKILL) == "the worker of none-0 was killed by SIGKILL"
