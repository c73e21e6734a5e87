"""Real processes, killed and asked to end: the worker goes on where the last complete checkpoint was taken."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

import seqlab
from seqlab.experiment import Experiment
from seqlab.journal import Run
from seqlab.train.checkpoint import checkpoints
from seqlab.train.worker import main
from tiny_runs import carried_out, lines, queued

SOURCE = Path(seqlab.__file__).parents[1]


def work(run: Run, *options: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "seqlab.train.worker", str(run.folder), *options],
        env={**os.environ, "PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for_checkpoint(run: Run, process: "subprocess.Popen[str]", beyond: int) -> int:
    """Wait until a checkpoint later than a step is there; returns its step."""
    while process.poll() is None:
        steps = [checkpoint.step for checkpoint in checkpoints(run.folder)]
        if steps and steps[-1] > beyond:
            return steps[-1]
        time.sleep(0.002)
    raise AssertionError(process.communicate()[0])


def test_killed_then_preempted_and_yet_the_same_run(tiny: Experiment) -> None:
    """SIGKILL, then SIGTERM; what was recorded and saved is that of a run that was never disturbed."""
    experiment = replace(tiny, budget=replace(tiny.budget, steps=2000), averaging=0.9)
    experiment = replace(experiment, evaluation=replace(experiment.evaluation, every_steps=50))
    run, step = queued(experiment, "disturbed"), 0
    expected = {signal.SIGKILL: ("crashed", -9), signal.SIGTERM: ("preempted", 75)}
    for number, (state, code) in expected.items():
        process = work(run)
        step = wait_for_checkpoint(run, process, beyond=step)
        process.send_signal(number)
        output, _ = process.communicate()
        assert (run.state().name, process.returncode) == (state, code), output
        step = checkpoints(run.folder)[-1].step
    assert step < 2000
    short = replace(experiment, budget=replace(experiment.budget, steps=step))
    whole, _, _ = carried_out(short, "whole")
    assert [line for line in lines(run) if line["step"] < step] == [
        line for line in lines(whole) if line["step"] < step
    ]
    newest, same = checkpoints(run.folder)[-1], checkpoints(whole.folder)[-1]
    for name in ("model.safetensors", "averaged.safetensors"):
        assert (newest.folder / name).read_bytes() == (same.folder / name).read_bytes()


def test_a_deadline_and_an_end(tiny: Experiment, capsys: pytest.CaptureFixture[str]) -> None:
    run = queued(tiny)
    assert main([str(run.folder), "--deadline", "0"]) == 75
    assert run.state().name == "timed_out"
    assert main([str(run.folder)]) == 0
    assert run.state().name == "finished"
    assert main([str(run.folder)]) == 0
    assert main([str(run.folder.parent / "another")]) == 1
    assert "no run 'another'" in capsys.readouterr().err


def test_a_run_that_diverges_ends_with_an_error(tiny: Experiment) -> None:
    experiment = replace(tiny, optim=replace(tiny.optim, lr=1e30))
    assert main([str(queued(experiment).folder)]) == 1
