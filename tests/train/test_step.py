"""One optimiser step: accumulation, clipping, recomputation, and where the weights come from."""

from dataclasses import replace

import pytest
import torch

from seqlab.experiment import Batching, Experiment
from seqlab.optim.optimisers.muon import Muon
from seqlab.optim.schedules.constant import Constant
from seqlab.train.step import optimiser_step
from seqlab.train.training import build_model
from tiny_runs import gradients, in_memory


def test_accumulation_does_not_change_the_gradient(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    found, losses = [], []
    for accumulate in (1, 2, 3, 5):
        batch = Batching(size=5, accumulate=accumulate)
        training = in_memory(replace(tiny, precision="float64", batch=batch, clip=None))
        found.append(gradients(training, monkeypatch))
        losses.append(training.task.loss(training.model, training.task.batch(0, 0, 5))[0].item())
    assert len(set(losses)) == 1
    for other in found[1:]:
        torch.testing.assert_close(found[0], other, rtol=1e-12, atol=1e-12)
    assert all(gradient.dtype == torch.float64 for gradient in found[0].values())


def test_gradient_checkpointing_does_not_change_the_gradient(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    dropping = replace(tiny, model=replace(tiny.model, layers=(replace(tiny.model.layers[0], dropout=0.2),) * 2))
    plain = gradients(in_memory(dropping), monkeypatch)
    training = in_memory(replace(dropping, gradient_checkpointing=True))
    assert all(block.checkpointing for block in training.weights.worker.blocks)
    torch.testing.assert_close(gradients(training, monkeypatch), plain, rtol=0, atol=0)


def test_a_clipped_gradient_has_the_norm_that_was_asked_for(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    found = gradients(in_memory(replace(tiny, clip=0.01)), monkeypatch)
    assert torch.stack([gradient.norm() for gradient in found.values()]).norm() == pytest.approx(0.01, rel=1e-4)


def test_drawing_a_model_leaves_the_global_stream_alone(tiny: Experiment) -> None:
    training = in_memory(tiny)
    before = torch.get_rng_state()
    one, same = (build_model(tiny, training.task, "init") for _ in range(2))
    other = build_model(tiny, training.task, "init", 1)
    assert torch.get_rng_state().equal(before)
    weight = "embedding.weight"
    assert one.get_parameter(weight).equal(same.get_parameter(weight))
    assert not one.get_parameter(weight).equal(other.get_parameter(weight))


def test_the_rate_that_is_logged_is_that_of_the_optimiser(tiny: Experiment) -> None:
    training = in_memory(replace(tiny, optim=Muon(lr=0.02, adamw_lr=0.003), schedule=Constant()))
    assert len({group["initial_lr"] for group in training.optimiser.param_groups}) == 2
    assert optimiser_step(training)["train/lr"] == 0.02
