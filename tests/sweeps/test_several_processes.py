"""A sweep whose runs are trained by two processes each, started by the worker."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from made import planned

import seqlab
from seqlab.experiment import Distribution, Experiment
from seqlab.journal import LabBook
from seqlab.optim.optimisers.adamw import AdamW
from seqlab.sweeps.carry import carry_out_sweep, counts
from seqlab.sweeps.executors import find_executor
from tiny_runs import text, tiny

__all__ = ["text", "tiny"]


@pytest.mark.cluster
def test_each_run_of_a_sweep_has_its_processes(
    book: LabBook, tiny: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(seqlab.__file__).parents[1]))
    experiment = replace(tiny, optim=AdamW(), distribution=Distribution(processes=2, sharding="full"))
    sweep = planned(book, "rates", experiment, ["optim.lr=0.01,0.02"], 1)
    carry_out_sweep(sweep, find_executor("torchrun"))
    assert counts(sweep) == {"finished": 2}
    for run in book.runs():
        assert run.attempts()[-1]["origin"]["processes"] == 2
