"""A fork takes over what it says, its settings take effect, and it needs its parent no more."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from seqlab.experiment import Experiment, Snapshots
from seqlab.journal import LabBook, Run
from seqlab.journal.taint import taints
from seqlab.optim.optimisers.adamw import AdamW
from seqlab.optim.optimisers.muon import Muon
from seqlab.optim.schedules.cosine import Cosine
from seqlab.spec import SpecError, override
from seqlab.train.checkpoint import CheckpointError, checkpoints
from seqlab.train.fork import Fork, fork, fork_file
from seqlab.train.load import load_model
from seqlab.train.loop import train
from seqlab.train.rerun import repeated
from seqlab.train.sameness import curves, logits, parameters
from seqlab.train.start import prepare, record, resume
from tiny_runs import At, carried_out

MIXER = '''
"""A mixer whose `start` only its first weights know."""

import torch
from torch import nn

from seqlab.mixers import Mixer


class Scaled(Mixer):
    """Multiplies."""

    start: float = 1.0
    """First value of the factor."""
    gain: float = 1.0
    """Multiplied with it at every step."""

    def build(self, *, dim, length):
        return Scaling(self, dim)


class Scaling(nn.Module):
    causal = True
    max_length = None

    def __init__(self, spec, dim):
        super().__init__()
        self.start, self.gain = spec.start, spec.gain
        self.weight = nn.Parameter(torch.full((dim,), spec.start))

    def flops(self, length):
        return 0.0

    def forward(self, x, lengths=None):
        return self.gain * self.weight * x
'''


@pytest.fixture
def parent(tiny: Experiment) -> Run:
    """Eight steps, every other one kept."""
    kept = replace(tiny, snapshots=replace(tiny.snapshots, keep_last=9), optim=AdamW(lr=0.01), schedule=Cosine())
    return carried_out(kept, "parent")[0]


def made(parent: Run, *changes: str, step: int | None = 4, inherit: list[str] | None = None) -> Fork:
    return fork(parent, step, changes, inherit, LabBook())


def parent_snapshots(tiny: Experiment) -> Snapshots:
    return replace(tiny.snapshots, keep_last=9)


def manifest_bytes(run: Run, step: int) -> int:
    manifest = json.loads((run.folder / "checkpoints" / str(step) / "MANIFEST.json").read_text())
    size: int = manifest["files"]["state.pt"]["bytes"]
    return size


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
        (("budget.tokens=1000000",), "`budget.tokens` .*did not take effect"),
        (("start_from=parent",), "`start_from` .*did not take effect"),
        (("optim.lr=0.02", "optim.lr=0.03"), "`optim.lr` is given twice"),
        (("budget.steps=4",), "its budget of 4 steps ends"),
        (("optim.lrr=1",), "did you mean `lr`"),
    ],
)
def test_a_change_without_effect_is_refused(parent: Run, changes: tuple[str, ...], told: str) -> None:
    with pytest.raises(SpecError, match=told):
        made(parent, *changes)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (("schedule.warmup=0.9",), ["schedule.warmup 0 -> 0.9 took effect"]),
        (
            ("budget.steps=16", "schedule.warmup=0.9"),
            ["budget.steps 8 -> 16 took effect", "schedule.warmup 0 -> 0.9 took effect"],
        ),
        (("optim=muon", "optim.nesterov=false"), ["optim optim/optimisers/adamw -> optim/optimisers/muon took effect",
                                                  "optim.nesterov True -> False took effect"]),
        (("snapshots.keep_last=2",), ["snapshots.keep_last 9 -> 2 will be used; no step depends on it"]),
        (("clip=1e-3",), ["clip 1 -> 0.001 took effect"]),
        (("evaluation.every_steps=4",), ["evaluation.every_steps 2 -> 4 will be used; no step depends on it"]),
        (("updates_per_call=4",), ["updates_per_call 1 -> 4 will be used; the numbers are the same"]),
        (("task.subset_bytes=32",), ["task.subset_bytes 64 -> 32 took effect"]),
        (("model.layers.1.channel.activation=relu_squared", "seed=3"), [
            "model.layers.1.channel.activation gelu -> relu_squared took effect", "seed 0 -> 3 took effect"]),
    ],
)  # fmt: skip
def test_what_is_told_of_a_change_is_true(parent: Run, changes: tuple[str, ...], told: list[str]) -> None:
    assert [str(effect) for effect in made(parent, *changes).effects] == told


def test_a_setting_that_only_the_first_weights_knew_is_refused(parent: Run, tmp_path: Path, tiny: Experiment) -> None:
    source = tmp_path / "mine.py"
    source.write_text(MIXER)
    mixed = replace(
        tiny, model=override(tiny.model, f"layers.all.mixer={source}:Scaled"), snapshots=parent_snapshots(tiny)
    )
    run = carried_out(mixed, "mixed")[0]
    with pytest.raises(SpecError, match=r"`model.layers.0.mixer.start` .*did not take effect"):
        made(run, "model.layers.0.mixer.start=2")
    [effect] = made(run, "model.layers.0.mixer.gain=2").effects
    assert str(effect) == "model.layers.0.mixer.gain 1 -> 2 took effect"


def test_what_acts_nowhere_in_the_tried_steps_is_told_apart(tiny: Experiment) -> None:
    run = carried_out(replace(tiny, clip=1e6, snapshots=parent_snapshots(tiny)), "calm")[0]
    [effect] = made(run, "clip=1e9").effects
    assert str(effect) == "clip 1e+06 -> 1e+09 will be used; the gradients of the tried steps are smaller"
    with pytest.raises(SpecError, match=r"`schedule.warmup` 0 -> 0.2 did not take effect"):
        made(run, "schedule.warmup=0.2")
    with pytest.raises(SpecError, match=r"`schedule.warmup` 0 -> 0.2 did not take effect"):
        made(run, "schedule.warmup=0.2", "optim.lr=0.01")


def test_rates_are_told_of_the_parameters_that_have_them(parent: Run, tiny: Experiment) -> None:
    muon = carried_out(replace(tiny, optim=Muon(), snapshots=parent_snapshots(tiny)), "muon")[0]
    rates = {rates.base: rates.differ for rates in made(muon, "optim.lr=0.1").rates}
    assert rates == {0.02: True, 3e-4: False}
    assert not any(rates.differ for rates in made(muon, "freeze=embedding").rates)


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
    weights = load_file(folder / "model.safetensors")
    weights["embedding.weight"][0, 0] = torch.nan
    unfinished = tmp_path / "unfinished.safetensors"
    save_file(weights, unfinished)
    with pytest.raises(CheckpointError, match=r"`embedding\.weight` in .* has values that are no numbers"):
        fork_file(unfinished, tiny, LabBook())
    with (folder / "model.safetensors").open("ab") as file:
        file.write(b"more")
    with pytest.raises(CheckpointError, match=r"is not usable: model.safetensors has .* bytes and should have"):
        fork_file(folder, tiny, LabBook())
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


def test_the_checkpoint_that_a_fork_begins_with_is_made_with_it(parent: Run) -> None:
    run = record(made(parent).prepared, name="child")
    assert [checkpoint.step for checkpoint in checkpoints(run.folder)] == [4]
    watch = At(6, run.request_stop)
    assert resume(run, watch)[1] == "stopped"
    assert watch.messages[0] == "begins at step 4"
    watch = At(8, run.request_stop)
    resume(run, watch)
    assert watch.messages[0] == "resumed at step 6"


def test_a_fork_that_lost_its_checkpoints_does_not_begin_with_random_weights(parent: Run) -> None:
    run = record(made(parent).prepared, name="child")
    shutil.rmtree(run.folder / "checkpoints")
    with pytest.raises(CheckpointError, match=r"child has no usable checkpoint .*random weights. Fork parent again"):
        resume(run)
    assert run.state().name == "queued"


def test_an_older_checkpoint_in_place_of_a_damaged_one_is_told(parent: Run) -> None:
    (parent.folder / "checkpoints" / "8" / "state.pt").write_bytes(b"")
    found = made(parent, step=None)
    assert found.skipped == [
        "checkpoint 8 is not usable: state.pt has 0 bytes and should have "
        f"{manifest_bytes(parent, 8):,}; an earlier one is used."
    ]
    assert (found.prepared.start or {})["step"] == 6


def test_a_fork_is_carried_out_again_from_where_it_began(parent: Run) -> None:
    run = trained(made(parent, "optim.lr=0.002"), "child")
    again = trained(Fork(repeated(run, LabBook())[0], [], [], []), "again")
    assert all(curve.first_step is None for curve in curves(run, again, 0.0))
    assert parameters(load_model(run)[0], load_model(again)[0]).difference == 0
    assert again.parent == {**(run.parent or {}), "rerun_of": "child"}
    (parent.folder / "checkpoints" / "4" / "MANIFEST.json").write_text(
        (parent.folder / "checkpoints" / "4" / "MANIFEST.json").read_text() + "\n"
    )
    with pytest.raises(CheckpointError, match="checkpoint 4 of parent is no longer the one that child starts from"):
        repeated(run, LabBook())


def test_a_fork_of_a_file_is_carried_out_again(parent: Run, tiny: Experiment, tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    shutil.copy(parent.folder / "checkpoints" / "8" / "model.safetensors", file)
    run = trained(fork_file(file, tiny, LabBook()), "child")
    again = trained(Fork(repeated(run, LabBook())[0], [], [], []), "again")
    assert all(curve.first_step is None for curve in curves(run, again, 0.0))
    shutil.copy(parent.folder / "checkpoints" / "4" / "model.safetensors", file)
    with pytest.raises(CheckpointError, match="no longer the file that child began with"):
        repeated(run, LabBook())


def test_a_start_from_another_run_is_carried_out_again_from_the_recorded_checkpoint(
    parent: Run, tiny: Experiment
) -> None:
    started = carried_out(replace(tiny, start_from="parent@4"), "started")[0]
    newest = record(prepare(replace(tiny, start_from="parent")), name="newest")
    shutil.copytree(parent.folder / "checkpoints" / "8", parent.folder / "checkpoints" / "9")
    for run, step in ((started, 4), (newest, 8)):
        prepared, _ = repeated(run, LabBook())
        weights = load_model(parent, step)[0].state_dict()["embedding.weight"]
        assert torch.equal(prepared.training.model.state_dict()["embedding.weight"], weights)
        assert (prepared.start or {})["step"] == step


def test_a_parent_is_found_by_its_id_whatever_has_its_name_now(parent: Run, tiny: Experiment) -> None:
    run = trained(made(parent), "child")
    LabBook().rename("parent", "old")
    carried_out(tiny, "parent")
    prepared, _ = repeated(run, LabBook())
    assert prepared.training.step == 4
    LabBook().open("old").note("", "bug")
    assert set(taints(LabBook().runs())) == {"old", "child"}


def test_curves_that_differ_say_from_where(parent: Run, tiny: Experiment) -> None:
    other = trained(made(parent, "optim.lr=0.002"), "other")
    differing = {curve.metric: curve.first_step for curve in curves(parent, other, 1e-12)}
    assert differing["train/lr"] == 5
    assert differing["train/loss"] == 6
    assert parameters(load_model(parent)[0], load_model(other)[0]).difference > 0
