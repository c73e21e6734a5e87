"""Warm starts of structure models: the moments of the optimiser are really restored, and the curve is one."""

from __future__ import annotations

import pytest
import torch

from seqlab.experiment import Batching, Budget, Evaluation, Experiment, Snapshots
from seqlab.journal import LabBook, Run
from seqlab.journal.lineage import ancestral_curve
from seqlab.mixers.attention import Attention
from seqlab.models import Block
from seqlab.models.potts import Potts
from seqlab.nn.norms.layernorm import LayerNorm
from seqlab.optim.optimisers.adam import Adam
from seqlab.optim.schedules.plateau import Plateau
from seqlab.tasks.simulated_families import SimulatedFamilies
from seqlab.train.fork import fork
from seqlab.train.load import load_model
from seqlab.train.loop import train
from seqlab.train.sameness import parameters
from seqlab.train.start import record
from tiny_runs import carried_out


@pytest.fixture
def parent() -> Run:
    """Four steps, clipped, with a warm-up and a plateau, every one kept."""
    block = Block(mixer=Attention(heads=2, causal=False), norm=LayerNorm(), placement="post")
    experiment = Experiment(
        task=SimulatedFamilies(folds=2, members=3, drawn=8, helices=2, sequences=3, memory_mb=0.5),
        model=Potts(dim=8, layers=(block,), heads=2),
        optim=Adam(lr=1e-2),
        schedule=Plateau(warmup_steps=1, patience=100),
        budget=Budget(steps=4),
        batch=Batching(size=2),
        clip=2.0,
        precision="float32",
        evaluation=Evaluation(every_steps=1, log_every_steps=1),
        snapshots=Snapshots(every_steps=1, keep_last=9),
    )
    return carried_out(experiment, "parent")[0]


def test_moments_are_restored_and_the_new_rate_takes_effect(parent: Run) -> None:
    found = fork(parent, 2, ["optim.lr=1e-4"], None, LabBook())
    t = found.prepared.training
    saved = torch.load(parent.folder / "checkpoints/2/state.pt", weights_only=True)
    kept = saved["optimiser"]["state"]
    for place, parameter in enumerate(p for group in t.optimiser.param_groups for p in group["params"]):
        state = t.optimiser.state[parameter]
        assert float(state["step"]) == 2
        assert torch.equal(state["exp_avg"], kept[place]["exp_avg"])
    assert any(state["exp_avg"].any() for state in t.optimiser.state.values())
    assert {group["initial_lr"] for group in t.optimiser.param_groups} == {1e-4}


def test_a_run_and_its_continuation_are_one_curve(parent: Run) -> None:
    book = LabBook()
    found = fork(parent, 2, [], None, book)
    child = record(found.prepared, name="child")
    assert train(found.prepared.training, child) == "finished"
    models = [load_model(run)[0] for run in (parent, child)]
    assert parameters(*models).difference == 0
    steps, values, marks = ancestral_curve(child, book.everything(), "train/nll")
    assert list(steps) == [1, 2, 3, 4]
    assert list(values) == parent.metrics.curve("train/nll")[1]
    assert [mark.step for mark in marks] == [2]


def test_a_warm_start_goes_on_longer(parent: Run) -> None:
    found = fork(parent, 4, ["budget.steps=5"], None, LabBook())
    child = record(found.prepared, name="longer")
    assert train(found.prepared.training, child) == "finished"
    assert child.metrics.step == 5
