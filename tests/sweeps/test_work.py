"""Trials carried out in this process: made, resumed, failed, handed back, and never begun twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from made import planned

from seqlab.experiment import Experiment
from seqlab.journal import LabBook
from seqlab.sweeps.queue import Queue, Standing
from seqlab.sweeps.record import Sweep, Trial
from seqlab.sweeps.stopping import let_go_on, request_stop
from seqlab.sweeps.work import carry_out, experiment_of, recorded
from seqlab.sweeps.worker import drain, main
from tiny_runs import At, text, tiny

__all__ = ["text", "tiny"]


@pytest.fixture(autouse=True)
def _one_cache(_no_waiting_for_the_disk: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What one test has audited the others cite, as the trials of a sweep do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEQLAB_CACHE", str(tmp_path_factory.getbasetemp() / "cache-of-sweeps"))
        yield


@pytest.fixture
def sweep(book: LabBook, tiny: Experiment) -> Sweep:
    """Two learning rates, two seeds, four steps each."""
    return planned(book, "rates", replace(tiny, budget=replace(tiny.budget, steps=4)), ["optim.lr=0.01,0.02"], 2)


def standing(sweep: Sweep, trial: Trial) -> Standing:
    return Queue(sweep).standings()[trial.id]


def test_a_worker_carries_out_every_trial_as_its_own_run(sweep: Sweep) -> None:
    assert main([str(sweep.folder), "--place", "here"]) == 0
    runs = {run.name: run for run in sweep.book.runs()}
    assert sorted(runs) == ["rates-1", "rates-2", "rates-3", "rates-4"]
    for trial, run in zip(sweep.trials().values(), sorted(runs), strict=True):
        assert runs[run].state().name == "finished"
        assert runs[run].sweep == "rates"
        assert runs[run].experiment["seed"] == trial.seed
        assert runs[run].experiment["optim"]["lr"] == trial.settings["optim.lr"]
        told = standing(sweep, trial)
        assert (told.kind, told.state, told.run, (told.claim or {})["place"]) == ("ended", "finished", run, "here")
    assert drain(sweep) is None
    assert len(sweep.book.runs()) == 4


def test_a_trial_that_was_cut_off_goes_on_in_its_run(sweep: Sweep) -> None:
    first = Queue(sweep).claim()
    assert first is not None
    assert carry_out(sweep, first, deadline=0.0) == "timed_out"
    assert standing(sweep, first).kind == "returned"
    assert main([str(sweep.folder), "--trial", first.id]) == 0
    (run,) = sweep.book.runs()
    assert (run.state().name, len(run.attempts())) == ("finished", 2)


def test_a_run_that_was_made_before_is_taken(sweep: Sweep) -> None:
    """By Slurm's queue, or by a worker that died before it could say so."""
    trial = next(iter(sweep.trials().values()))
    made = recorded(sweep, trial)
    assert made.state().name == "queued"
    assert recorded(sweep, trial).id == made.id
    assert main([str(sweep.folder), "--trial", trial.id]) == 0
    assert [(run.id, run.state().name) for run in sweep.book.runs()] == [(made.id, "finished")]
    assert made.audits["before"]


def test_a_renamed_run_goes_on(sweep: Sweep) -> None:
    trial = Queue(sweep).claim()
    assert trial is not None
    carry_out(sweep, trial, deadline=0.0)
    sweep.book.rename("rates-1", "other")
    assert main([str(sweep.folder), "--trial", trial.id]) == 0
    assert [(run.name, run.state().name) for run in sweep.book.runs()] == [("other", "finished")]


def test_what_fails_is_a_record_and_the_rest_go_on(book: LabBook, tiny: Experiment) -> None:
    sweep = planned(book, "wild", tiny, ["optim.lr=1e30,0.01", "batch.size=4,100000"], 1)
    assert main([str(sweep.folder)]) == 0
    told = [standing(sweep, trial) for trial in sweep.trials().values()]
    assert [one.state for one in told] == ["failed", "failed", "finished", "failed"]
    assert "audits failed" in str(told[0].evidence)
    assert "do not fill a batch" in str(told[1].evidence)
    assert told[1].run is None


def test_a_stop_of_the_sweep_leaves_the_rest_and_goes_on_later(sweep: Sweep) -> None:
    trial = Queue(sweep).claim()
    assert trial is not None

    def stop() -> None:
        request_stop(sweep)
        sweep.book.open("rates-1").request_stop()

    assert carry_out(sweep, trial, At(2, stop)) == "preempted"
    assert main([str(sweep.folder)]) == 0
    assert [run.state().name for run in sweep.book.runs()] == ["stopped"]
    let_go_on(sweep)
    assert main([str(sweep.folder)]) == 0
    assert [run.state().name for run in sweep.book.runs()] == ["finished"] * 4


def test_a_stop_of_one_run_ends_its_trial(sweep: Sweep) -> None:
    trial = Queue(sweep).claim()
    assert trial is not None
    assert carry_out(sweep, trial, At(2, lambda: sweep.book.open("rates-1").request_stop())) == "stopped"
    assert standing(sweep, trial).kind == "ended"


def test_a_trial_of_which_processes_die_has_crashed(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqlab.journal.lease.process_is_gone", lambda claim: True)
    first = Queue(sweep).claim()
    assert Queue(sweep).claim() == first
    after = Queue(sweep).claim()
    assert first is not None
    assert after != first
    assert standing(sweep, first).state == "crashed"
    Queue(sweep).give_back(first)
    assert Queue(sweep).claim() == first


def test_seeds_differ_and_nothing_else(sweep: Sweep) -> None:
    first, second, *_ = sweep.trials().values()
    assert replace(experiment_of(sweep, first), seed=1) == experiment_of(sweep, second)
