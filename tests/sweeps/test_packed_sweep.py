"""Trials of a sweep in packs: claimed by their shapes, ended one by one, alone where no pack can be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest
from made import planned

from seqlab.experiment import Batching, Budget, Evaluation, Experiment
from seqlab.journal import LabBook
from seqlab.models.mlp import MLP
from seqlab.sweeps.cells import experiment_of_cell
from seqlab.sweeps.executors import ExecutorError, find_executor
from seqlab.sweeps.packing import carry_out_packed, claim_alike, told_alone
from seqlab.sweeps.queue import Queue
from seqlab.sweeps.record import Sweep
from seqlab.sweeps.worker import main
from seqlab.tasks.gaussians import Gaussians
from seqlab.train.packed import gain
from seqlab.train.watch import Watch


@pytest.fixture(autouse=True)
def _one_cache(_no_waiting_for_the_disk: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What one test has audited the others cite, as the trials of a sweep do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEQLAB_CACHE", str(tmp_path_factory.getbasetemp() / "cache-of-sweeps"))
        patch.setattr(gain, "LEAST_GAIN", 0.0)  # no test depends on how fast this machine is at the moment
        yield


@pytest.fixture
def images() -> Experiment:
    return Experiment(
        task=Gaussians(shape=(1, 4, 4), classes=4, training=256, validation=64),
        model=MLP(widths=(12,)),
        budget=Budget(steps=6),
        batch=Batching(size=8),
        evaluation=Evaluation(every_steps=3),
        precision="float64",
        device="cpu",
    )


def swept(book: LabBook, images: Experiment, name: str) -> Sweep:
    """Two rates, two widths, two seeds."""
    return planned(book, name, images, ["model.widths=(12),(13)", "optim.lr=0.01,0.02"], 2)


def events(sweep: Sweep, number: int) -> str:
    return (sweep.book.open(f"{sweep.name}-{number}").folder / "events.jsonl").read_text()


def test_a_worker_packs_what_shares_shapes_and_gets_what_it_gets_one_by_one(book: LabBook, images: Experiment) -> None:
    packed, single = swept(book, images, "packed"), swept(book, images, "single")
    assert main([str(packed.folder), "--pack", "3"]) == 0
    assert main([str(single.folder)]) == 0
    for number in range(1, 9):
        one, other = (sweep.book.open(f"{sweep.name}-{number}") for sweep in (packed, single))
        assert one.experiment == other.experiment
        assert one.state().name == "finished"
        assert one.metrics.last["val/loss"] == pytest.approx(other.metrics.last["val/loss"], rel=1e-9)
    assert '"runs":["packed-1","packed-2","packed-3"]' in events(packed, 1)
    assert "packed" not in events(packed, 4)  # the fourth of its width: nothing is left to share its shapes
    assert '"runs":["packed-5","packed-6","packed-7"]' in events(packed, 7)


def test_a_trial_that_cannot_begin_leaves_the_others_their_pack(book: LabBook, images: Experiment) -> None:
    sweep = planned(book, "faulty", images, ["optim.lr=0.01,0.02,0.03"], 1)
    trials = claim_alike(sweep, 3)
    (sweep.folder / "cells" / f"{trials[1].cell}.json").unlink()
    states = {trial.id: state for trial, state in carry_out_packed(sweep, trials, Watch())}
    assert [states[trial.id] for trial in trials] == ["finished", "failed", "finished"]
    standings = Queue(sweep).standings()
    assert "is gone" in (standings[trials[1].id].evidence or "")
    assert "faulty-3" in events(sweep, 1)


def test_what_cannot_be_packed_is_trained_one_after_the_other(
    book: LabBook, images: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gain, "LEAST_GAIN", 1e9)
    sweep = planned(book, "declined", images, ["optim.lr=0.01,0.02"], 1)
    told: list[str] = []
    watch = Watch()
    monkeypatch.setattr(watch, "message", told.append)
    states = [state for _, state in carry_out_packed(sweep, claim_alike(sweep, 2), watch)]
    assert states == ["finished", "finished"]
    assert told[0].startswith("not packed: packing 2 runs gains nothing here: ")
    assert "packed" not in events(sweep, 1)


def test_a_deadline_hands_every_trial_of_a_pack_back(book: LabBook, images: Experiment) -> None:
    sweep = planned(book, "late", images, ["optim.lr=0.01,0.02"], 1)
    assert main([str(sweep.folder), "--pack", "2", "--deadline", "0"]) == 75
    assert main([str(sweep.folder), "--pack", "2"]) == 0
    assert {standing.state for standing in Queue(sweep).standings().values()} == {"finished"}


def test_only_workers_that_claim_their_trials_pack() -> None:
    assert find_executor("local", None, 4).pack == 4
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(find_executor("local")), "packs", False)
        with pytest.raises(ExecutorError, match="leave --pack out"):
            find_executor("local", None, 4)


def test_what_is_never_packed_is_told_and_claimed_alone(book: LabBook, images: Experiment) -> None:
    sweep = planned(book, "watched", images, ["methods=none,snr", "optim.lr=0.01,0.02"], 1)
    experiments = [cast(Experiment, experiment_of_cell(sweep, one.cell)) for one in sweep.trials().values()]
    assert told_alone(experiments) == [
        "2 of 4 cells train one run after the other, not packed: `methods.0` (methods/snr) cannot be packed: "
        "it watches the units of each step."
    ]
    assert main([str(sweep.folder), "--pack", "4"]) == 0
    assert {standing.state for standing in Queue(sweep).standings().values()} == {"finished"}
    packs = [number for number in range(1, 5) if '"kind":"packed"' in events(sweep, number)]
    methods = {n: sweep.book.open(f"watched-{n}").experiment["methods"] for n in range(1, 5)}
    assert packs == [number for number in range(1, 5) if not methods[number]]
