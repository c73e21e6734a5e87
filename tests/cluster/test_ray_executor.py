"""Sweeps on a real Ray cluster of two nodes: one of them is killed, tasks are cancelled, the head vanishes."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import Lab, descendants, until
from ray_here import RayHere

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

RATES = "optim.lr=0.01,0.02"


@pytest.fixture
def cluster() -> Iterator[RayHere]:
    pytest.importorskip("ray", reason="make test-cluster installs Ray")
    with RayHere() as here:
        yield here


@pytest.fixture
def lab(tmp_path: Path, cluster: RayHere) -> Lab:
    return Lab(tmp_path, cluster.environment)


def states(lab: Lab) -> list[str]:
    return [run.state().name for run in lab.book.runs()]


@pytest.mark.parametrize("dies", ["its raylet", "all of it"])
def test_a_node_that_is_killed_in_mid_run_costs_no_trial(dies: str, lab: Lab, cluster: RayHere) -> None:
    """A run whose worker dies goes on from its checkpoint; a worker that outlives its raylet is waited for."""
    trial = ("./mine.py:trial", RATES, "budget.steps=40", "--seeds", "2")
    lab.pace(0.25)
    launcher = lab.start("sweep", *trial, "--name", "rates", "--on", f"ray:{cluster.address}")
    until(lambda: sum((run.metrics.step or 0) > 8 for run in lab.book.runs()) == 2)
    killed = [cluster.second] if dies == "its raylet" else [cluster.second, *descendants(cluster.second)]
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    out, err = launcher.communicate()
    assert launcher.returncode == 0, out + err
    assert states(lab) == ["finished"] * 4
    attempts = sorted(len(run.attempts()) for run in lab.book.runs())
    assert attempts == [1, 1, 1, 2] or dies == "its raylet"
    lab.alone(*trial)
    for number in range(1, 5):
        assert lab.weights(f"rates-{number}") == lab.weights(f"alone-{number}")


def test_ctrl_c_saves_what_runs_and_any_engine_goes_on(lab: Lab, cluster: RayHere) -> None:
    sweep = ("sweep", "./mine.py:trial", "optim.lr=0.01,0.02,0.03", "--name", "rates", "--on", f"ray:{cluster.address}")
    lab.pace(0.5)
    launcher = lab.start(*sweep)
    until(lambda: states(lab).count("running") == 2)
    launcher.send_signal(signal.SIGINT)
    out, err = launcher.communicate()
    assert launcher.returncode == os.EX_TEMPFAIL, out + err
    assert states(lab) == ["preempted"] * 2
    assert sorted(standing["kind"] for standing in lab.trials("rates")) == ["returned", "returned", "waiting"]
    lab.pace(0.0)
    lab.type("sweep", "--continue", "rates", "--slots", "1")
    assert states(lab) == ["finished"] * 3
    assert sorted(len(run.attempts()) for run in lab.book.runs()) == [1, 2, 2]


def test_a_head_that_vanishes_is_a_sentence_and_what_is_finished_stays(lab: Lab, cluster: RayHere) -> None:
    sweep = ("sweep", "./mine.py:trial", "optim.lr=0.01,0.02,0.03", "--name", "rates", "--on", f"ray:{cluster.address}")
    lab.pace(0.5)
    launcher = lab.start(*sweep)
    until(lambda: "finished" in states(lab))
    os.kill(cluster.head, signal.SIGKILL)
    out, err = launcher.communicate(timeout=120)
    assert launcher.returncode == 1, out + err
    (told,) = [line for line in err.splitlines() if line.startswith("Error")]
    assert told.startswith(f"Error: Ray on {cluster.address} carries out no more: ")
    assert "Traceback" not in err
    assert states(lab).count("finished") >= 1
    lab.type("sweep", "--continue", "rates", "--slots", "1")
    assert states(lab) == ["finished"] * 3


def test_what_a_cluster_cannot_do_is_a_sentence(lab: Lab, cluster: RayHere) -> None:
    sweep = ("sweep", "./mine.py:trial", "--name", "rates", "--on")
    told = lab.type(*sweep, f"ray:{cluster.address},cpus=64", code=1)
    assert "no node of the cluster has 64 CPUs, the largest has 1" in told
    told = lab.type(*sweep, f"ray:{cluster.address},cpu=1", code=1)
    assert "ray has no option `cpu`; did you mean `cpus`" in told
    assert states(lab) == []


def test_nobody_at_the_address_is_a_sentence(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="make test-cluster installs Ray")
    lab = Lab(tmp_path, {})
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    told = lab.type("sweep", "./mine.py:trial", "--name", "rates", "--on", f"ray:{address}", code=1)
    assert f"no Ray head listens at {address}" in told
