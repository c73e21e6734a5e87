"""A fork takes over what it says, its settings take effect, and it needs its parent no more."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from seqlab.experiment import Experiment
from seqlab.journal import LabBook, Run
from seqlab.optim.optimisers.adamw import AdamW
from seqlab.optim.schedules.cosine import Cosine
from seqlab.spec import SpecError
from seqlab.train.checkpoint import CheckpointError
from seqlab.train.fork import Fork, fork, fork_file
from seqlab.train.load import load_model
from seqlab.train.loop import train
from seqlab.train.rerun import repeated
from seqlab.train.sameness import curves, logits, parameters
from seqlab.train.start import record, resume
from tiny_runs import At, carried_out


@pytest.fixture
def parent(tiny: Experiment) -> Run:
    """Eight steps, every other one kept."""
    kept = replace(tiny, snapshots=replace(tiny.snapshots, keep_last=9), optim=AdamW(lr=0.01), schedule=Cosine())
    return carried_out(kept, "parent")[0]


def made(parent: Run, *changes: str, step: int | None = 4, inherit: list[str] | None = None) -> Fork:
    return fork(parent, step, changes, inherit, LabBook())


def trained(found: Fork, name: str) -> Run:
    run = record(found.prepared, name=name)

    assert train(found.prepared.training, run) == "finished"
    return run


def test_without_changes_it_is_the_parent_going_on(parent: Run) -> None:
    run = trained(made(parent), "child")
    models = [load_model(one)[0] for one in (parent, run)]
    assert parameters(*models).difference == 0
    assert logits(*models, (parent, run)) == 0
    assert all(curve.first_step is None for curve in curves(parent, run, 0.0))
    assert run.metrics.curve("train/loss")[0] == [5, 6, 7, 8]
    assert run.parent is not None
    assert run.parent["inherited"] == ["weights", "optimiser", "schedule", "progress", "methods"]
    assert (run.parent["run"], run.parent["step"], run.parent["took_effect"]) == ("parent", 4, [])


def test_a_new_learning_rate_is_not_undone_by_the_restored_optimiser(parent: Run) -> None:
    found = made(parent, "optim.lr=0.001", "optim.weight_decay=0.5")
    t = found.prepared.training
    assert {group["initial_lr"] for group in t.optimiser.param_groups} == {0.001}
    assert 0.5 in {group["weight_decay"] for group in t.optimiser.param_groups}
    assert t.optimiser.state, "the moments are there"
    assert [str(effect) for effect in found.effects] == [
        "optim.lr 0.01 -> 0.001 took effect",
        "optim.weight_decay 0.01 -> 0.5 took effect",
    ]
    run = trained(found, "slower")
    rates = dict(zip(*run.metrics.curve("train/lr"), strict=True))
    old = dict(zip(*parent.metrics.curve("train/lr"), strict=True))
    assert rates[5] == pytest.approx(old[5] / 10)


def test_a_longer_budget_shows_the_new_schedule(parent: Run) -> None:
    found = made(parent, "budget.steps=16")
    [rates] = found.rates
    assert rates.differ
    steps, old, new = zip(*rates.rows, strict=True)
    assert (steps[0], steps[-1]) == (4, 15)
    assert new[0] > old[0], "a cosine over a longer horizon is higher where the fork begins"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (("model.embedding_init.scale=3",), "did not take effect"),
        (("model.embedding_init.scale=3", "model.dropout=0.5"), "`model.embedding_init.scale` .*did not take effect"),
        (("budget.steps=4",), "its budget of 4 steps ends"),
        (("optim.lrr=1",), "did you mean `lr`"),
    ],
)
def test_a_change_without_effect_is_refused(parent: Run, changes: tuple[str, ...], told: str) -> None:
    with pytest.raises(SpecError, match=told):
        made(parent, *changes)


def test_a_checkpoint_that_does_not_fit_names_the_tensor(parent: Run) -> None:
    with pytest.raises(CheckpointError, match=r"`embedding\.weight` is \(256, 16\) in the checkpoint"):
        made(parent, "model.dim=32")


def test_a_step_that_was_not_kept_offers_the_nearest(parent: Run) -> None:
    with pytest.raises(CheckpointError, match=r"no checkpoint at step 5; .*the nearest is parent@[46]"):
        made(parent, step=5)


def test_another_optimiser_takes_no_moments(parent: Run) -> None:
    found = made(parent, "optim=sgd")
    assert found.prepared.start is not None
    assert "optimiser" not in found.prepared.start["inherited"]
    assert not found.prepared.training.optimiser.state
    with pytest.raises(SpecError, match="`optimiser` cannot be taken over"):
        made(parent, "optim=sgd", inherit=["weights", "optimiser"])


def test_weights_alone_begin_anew(parent: Run) -> None:
    found = made(parent, inherit=["weights"])
    t = found.prepared.training
    assert (t.step, t.tokens, dict(t.optimiser.state)) == (0, 0, {})
    assert torch.equal(
        t.model.state_dict()["embedding.weight"], load_model(parent, 4)[0].state_dict()["embedding.weight"]
    )
    for wanted, told in ((["progress"], "at least `weights`"), (["weight"], "did you mean `weights`")):
        with pytest.raises(SpecError, match=told):
            made(parent, inherit=wanted)


def test_a_fork_goes_on_without_its_parent(parent: Run) -> None:
    found = made(parent, "optim.lr=0.002")
    whole = trained(made(parent, "optim.lr=0.002"), "whole")
    run = record(found.prepared, name="child")

    shutil.rmtree(parent.folder)
    assert resume(run, At(6, run.request_stop))[1] == "stopped"
    assert resume(run)[1] == "finished"
    assert all(curve.first_step is None for curve in curves(whole, run, 0.0))


def test_from_a_bare_file(parent: Run, tiny: Experiment, tmp_path: Path) -> None:
    folder = parent.folder / "checkpoints" / "8"
    for source in (folder, folder / "model.safetensors"):
        found = fork_file(source, tiny, LabBook())
        assert found.prepared.start is not None
        assert found.prepared.start["inherited"] == ["weights"]
        assert torch.equal(
            found.prepared.training.model.state_dict()["embedding.weight"],
            load_model(parent, 8)[0].state_dict()["embedding.weight"],
        )
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"no weights")
    with pytest.raises(CheckpointError, match="cannot read weights from"):
        fork_file(broken, tiny, LabBook())


def test_an_experiment_is_carried_out_again(parent: Run, text: Path) -> None:
    prepared, changed = repeated(parent, LabBook())
    assert changed == []
    run = record(prepared, name="again")
    train(prepared.training, run)
    assert run.parent is not None
    assert run.parent["kind"] == "rerun"
    assert all(curve.first_step is None for curve in curves(parent, run, 0.0))
    text.write_text(text.read_text() + "more")
    with pytest.raises(CheckpointError, match="no longer the file"):
        repeated(parent, LabBook())


def test_curves_that_differ_say_from_where(parent: Run, tiny: Experiment) -> None:
    other = trained(made(parent, "optim.lr=0.002"), "other")
    differing = {curve.metric: curve.first_step for curve in curves(parent, other, 1e-12)}
    assert differing["train/lr"] == 5
    assert differing["train/loss"] == 6
    assert parameters(load_model(parent)[0], load_model(other)[0]).difference > 0
