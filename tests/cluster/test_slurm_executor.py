"""Sweeps on a real Slurm of two nodes: arrays, a job that its limit cuts, a launcher that is killed, refusals."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import Lab, printed, until
from slurm_here import MISSING, SlurmHere

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(MISSING), reason=f"make test-cluster installs Slurm; not here: {', '.join(MISSING)}"),
]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlurmHere]:
    pytest.importorskip("submitit", reason="make test-cluster installs submitit")
    with SlurmHere(tmp_path_factory.mktemp("slurm")) as here:
        yield here


@pytest.fixture
def lab(tmp_path: Path, slurm: SlurmHere) -> Lab:
    return Lab(tmp_path, slurm.environment)


def states(lab: Lab) -> list[str]:
    return [run.state().name for run in lab.book.runs()]


def test_an_array_carries_out_cells_and_seeds(lab: Lab, slurm: SlurmHere) -> None:
    told = lab.type(
        "sweep", "./mine.py:trial", "optim.lr=0.01,0.02", "--seeds", "2", "--name", "rates", "--on", "slurm:main,time=2"
    )
    assert "4 jobs are in Slurm's queue" in told
    assert states(lab) == ["finished"] * 4
    places = {standing["claim"]["place"] for standing in lab.trials("rates")}
    assert places <= {"slurm, first", "slurm, second"}
    assert len(list((lab.book.root / ".sweeps/rates/slurm").glob("*_submitted.pkl"))) == 4
    lab.alone("./mine.py:trial", "optim.lr=0.01,0.02", "--seeds", "2")
    for number in range(1, 5):
        assert lab.weights(f"rates-{number}") == lab.weights(f"alone-{number}")


def test_a_job_that_its_limit_cuts_is_requeued_and_ends_as_if_never_stopped(lab: Lab, slurm: SlurmHere) -> None:
    """Of one minute: Slurm warns half a minute ahead, give or take as much, and the run takes 40 s at least."""
    trial = ("./mine.py:trial", "budget.steps=80")
    lab.pace(0.5)
    lab.type("sweep", *trial, "--name", "cut", "--on", "slurm:main,time=1")
    run = lab.run("cut-1")
    cut, *others = [attempt["exit"]["state"] for attempt in run.attempts()]
    assert (cut, others[-1]) == ("preempted", "finished")
    logs = (lab.book.root / ".sweeps/cut/slurm").glob("*.out")
    assert "Requeued job" in "".join(path.read_text() for path in logs)
    lab.pace(0.0)
    lab.type("run", *trial, "seed=0", "--name", "whole")
    assert lab.weights("cut-1") == lab.weights("whole")


def test_a_launcher_that_is_killed_is_followed_by_one_that_submits_nothing_again(lab: Lab, slurm: SlurmHere) -> None:
    sweep = ("sweep", "./mine.py:trial", "optim.lr=0.01,0.02,0.03", "--name", "rates", "--on", "slurm:main,time=2")
    lab.pace(0.5)
    launcher = lab.start(*sweep, "--slots", "1")
    until(lambda: "running" in states(lab))
    launcher.send_signal(signal.SIGKILL)
    launcher.communicate()
    told = lab.type("sweep", "--continue", "rates", "--on", "slurm:main,time=2")
    assert "in Slurm's queue" not in told
    assert states(lab) == ["finished"] * 3
    assert [len(run.attempts()) for run in lab.book.runs()] == [1, 1, 1]


def test_what_waits_is_listed_with_its_place_and_can_be_stopped(lab: Lab, slurm: SlurmHere) -> None:
    sweep = ("sweep", "./mine.py:trial", "optim.lr=0.01,0.02,0.03", "--name", "rates", "--on", "slurm:closed,time=2")
    launcher = lab.start(*sweep)
    until(lambda: slurm.command("squeue", "-h", "-r", "-t", "PD", "-o", "%i").count("_") == 3)
    rows = printed('{"runs":' + lab.type("ls", "--json") + "}")["runs"]
    assert [row["state"] for row in rows] == ["queued"] * 3
    assert [row["evidence"].partition(": ")[2] for row in rows] == [
        f"{place} of 3 in closed (PartitionDown)" for place in (1, 2, 3)
    ]
    assert "2 of 3 in closed (PartitionDown)" in lab.type("ls")
    assert "rates-2" in lab.type("stop", "rates-2")
    assert lab.run("rates-2").state().name == "stopped"
    assert [standing["state"] for standing in lab.trials("rates")] == [None, "stopped", None]
    until(lambda: slurm.command("squeue", "-h", "-r", "-t", "PD", "-o", "%i").count("_") == 2)
    launcher.send_signal(signal.SIGINT)
    out, err = launcher.communicate()
    assert launcher.returncode == os.EX_TEMPFAIL, out + err
    assert slurm.command("squeue", "-h") == ""
    lab.type("sweep", "--continue", "rates", "--slots", "1")
    assert states(lab) == ["finished", "stopped", "finished"]


def test_a_queue_that_refuses_is_a_sentence_and_the_sweep_goes_on_elsewhere(lab: Lab, slurm: SlurmHere) -> None:
    sweep = ("sweep", "./mine.py:trial", "--name", "rates")
    told = lab.type(*sweep, "--on", "slurm:nowhere", code=1)
    assert "Slurm refuses the jobs of rates (" in told
    assert "invalid partition specified: nowhere" in told
    assert "Traceback" not in told
    told = lab.type(*sweep, "--on", "slurm:main,time=soon", code=1)
    assert "`time=soon` of --on slurm must be a whole number" in told
    lab.type("sweep", "--continue", "rates", "--slots", "1")
    assert states(lab) == ["finished"]


def test_a_controller_that_does_not_answer_is_a_sentence(tmp_path: Path, slurm: SlurmHere) -> None:
    conf = re.sub(r"SlurmctldPort=\d+", "SlurmctldPort=1", (slurm.folder / "slurm.conf").read_text())
    (tmp_path / "slurm.conf").write_text(conf + "MessageTimeout=2\n")
    lab = Lab(tmp_path, {**slurm.environment, "SLURM_CONF": str(tmp_path / "slurm.conf")})
    told = lab.type("sweep", "./mine.py:trial", "--name", "rates", "--on", "slurm", code=1)
    assert "Slurm did not answer `squeue`" in told
    assert "Unable to contact slurm controller" in told
