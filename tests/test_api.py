"""The Python face: run, load, generate, and the record for a loop of one's own."""

import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import seqlab
from seqlab.api import TrainedRun
from seqlab.data.symbols import Bytes
from seqlab.experiment import Experiment
from seqlab.generation.sampling import Sampling
from seqlab.journal import JournalError, RunExists, RunNotFound
from seqlab.spec import SpecError, override
from seqlab.train.checkpoint import CheckpointError, checkpoints
from tiny_runs import At, text, tiny, workplace

__all__ = ["text", "tiny", "workplace"]


def test_a_run_is_trained_recorded_and_used(tiny: Experiment, workplace: Path) -> None:
    run = seqlab.run(tiny, name="first-run", why="to see it work", tags=["tiny"])
    assert isinstance(run, TrainedRun)
    assert (run.state().name, run.why, run.tags) == ("finished", "to see it work", ["tiny"])
    assert run.folder == workplace / "runs" / "first-run"
    assert run.metrics.last["val/loss"] < run.summary["floors"]["uniform"]["nats_per_symbol"]
    assert run.spec == tiny
    assert not run.model.training
    one, same = run.generate("the ", symbols=20, seed=1), run.generate("the ", symbols=20, seed=1)
    assert one == same
    assert one != run.generate("the ", symbols=20, seed=2)


def test_a_loaded_run_computes_what_was_measured(tiny: Experiment) -> None:
    for averaging in (None, 0.5):
        done = seqlab.run(replace(tiny, averaging=averaging, precision="float64"))
        loaded = seqlab.load(done.name)
        measured = tiny.task.prepare().evaluate(loaded.model, "val")
        assert measured["loss"] == pytest.approx(done.metrics.last["val/loss"], rel=1e-12)
        assert next(loaded.model.parameters()).dtype == torch.float64


def test_a_step_can_be_chosen(tiny: Experiment) -> None:
    seqlab.run(tiny, name="run")
    early, late = seqlab.load("run@6").model, seqlab.load("run").model
    assert not early.get_parameter("norm.weight").equal(late.get_parameter("norm.weight"))
    with pytest.raises(CheckpointError, match="no checkpoint at step 5; there are: 6, 8"):
        _ = seqlab.load("run@5").model
    with pytest.raises(JournalError, match="after the @ stands a step"):
        seqlab.load("run@late")
    with pytest.raises(RunNotFound, match="no run 'ran'"):
        seqlab.load("ran")


def test_a_fork_goes_on_with_changed_settings(tiny: Experiment) -> None:
    seqlab.run(replace(tiny, snapshots=replace(tiny.snapshots, keep_last=9)), name="run")
    forked = seqlab.fork("run@4", "optim.lr=0.01", name="forked", why="faster", tags=["fast"])
    assert (forked.state().name, forked.why, forked.tags) == ("finished", "faster", ["fast"])
    assert forked.parent is not None
    assert forked.parent["took_effect"] == ["optim.lr 0.001 -> 0.01 took effect"]
    assert forked.metrics.curve("train/loss")[0] == [5, 6, 7, 8]
    anew = seqlab.fork("run", inherit=["weights"])
    assert (anew.parent or {})["inherited"] == ["weights"]
    with pytest.raises(SpecError, match="did not take effect"):
        seqlab.fork("run@4", "model.init.scale=3")


def test_a_run_needs_no_data_to_be_used(tiny: Experiment, text: Path) -> None:
    experiment = replace(tiny, task=replace(tiny.task, symbols="characters"))
    run = seqlab.run(experiment, name="run")
    text.unlink()
    generated = seqlab.load("run").generate("the ", symbols=10, sampling=Sampling(temperature=0))
    assert len(generated) == 10
    assert set(generated) <= set(run.symbols.alphabet)  # type: ignore[attr-defined]


def test_a_character_comes_whole(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    """é in two bytes, then half of a character: nothing until it is whole, a replacement at the end."""
    run = seqlab.run(replace(tiny, budget=replace(tiny.budget, steps=1)))
    assert isinstance(run.symbols, Bytes)
    monkeypatch.setattr("seqlab.api.generate", lambda *_: iter("aé🙂".encode()[:-1]))
    assert list(run.stream("x")) == ["a", "é", "\N{REPLACEMENT CHARACTER}"]


def test_an_interrupt_returns_what_was_trained(tiny: Experiment) -> None:
    run = seqlab.run(tiny, watch=At(5, lambda: signal.raise_signal(signal.SIGINT)))
    assert run.state().name == "stopped"
    assert checkpoints(run.folder)[-1].step == 5
    assert run.generate("the ", symbols=3)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_runs_can_lie_elsewhere(tiny: Experiment, tmp_path: Path) -> None:
    run = seqlab.run(tiny, name="here", runs=tmp_path / "book")
    assert run.folder.parent == tmp_path / "book"
    assert seqlab.load("here", runs=tmp_path / "book").metrics.last["val/loss"] == run.metrics.last["val/loss"]
    with pytest.raises(RunExists, match="there is already a run here"):
        seqlab.run(tiny, name="here", runs=tmp_path / "book")


def test_a_run_before_its_first_checkpoint(tiny: Experiment) -> None:
    messages: list[str] = []

    def use() -> None:
        with pytest.raises(CheckpointError) as error:
            _ = seqlab.load("run").model
        messages.append(str(error.value))

    seqlab.run(tiny, name="run", watch=At(1, use))
    assert messages == ["run has no usable checkpoint yet; the first comes within 20 steps or 30 s."]


def test_a_run_that_ended_before_its_first_checkpoint(tiny: Experiment) -> None:
    run = seqlab.run(override(tiny, "optim.lr=1e30", "snapshots.every_steps=8", "accept=memorises"), name="wild")
    assert run.state().name == "diverged"
    with pytest.raises(CheckpointError, match=r"wild has no usable checkpoint \(it is diverged\)\."):
        _ = run.model


def test_a_loop_of_ones_own() -> None:
    with seqlab.open_run("own-loop-1", {"lr": 0.1}) as run:
        run.log(step=1, **{"train/loss": 2.0})
    assert seqlab.load("own-loop-1").metrics.last == {"train/loss": 2.0}
    with pytest.raises(JournalError, match="another config"), seqlab.open_run("own-loop-1", {"lr": 0.2}):
        pass


def test_the_package_offers_what_it_says() -> None:
    for name in seqlab.__all__:
        assert callable(getattr(seqlab, name))
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = seqlab.trian  # type: ignore[attr-defined]
