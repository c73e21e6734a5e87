"""Methods of hidden units in whole runs: seen through the loop, recorded, resumed in the middle of a task."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from same_runs import assert_same, last_checkpoint
from seqlab.data.signature import Signature
from seqlab.experiment import Batching, Budget, Evaluation, Experiment, Snapshots
from seqlab.methods.redo import ReDo
from seqlab.methods.snr import SNR
from seqlab.methods.snr_v2 import SNRV2
from seqlab.models import Block
from seqlab.models.lm import LM
from seqlab.models.mlp import MLP
from seqlab.optim.optimisers.adam import Adam
from seqlab.optim.optimisers.adam_elementwise import AdamElementwise
from seqlab.optim.optimisers.sgd import SGD
from seqlab.optim.schedules.constant import Constant
from seqlab.spec import SpecError, find, names
from seqlab.tasks.gaussians import Gaussians
from seqlab.train.interventions import apply_methods, begin_interventions
from seqlab.train.packed.refusals import CannotPack, refuse
from seqlab.train.start import resume
from seqlab.train.step import optimiser_step
from seqlab.train.training import fresh_weight, fresh_weights
from tiny_runs import carried_out, in_memory, queued, stopped

STEPS = 6
CHANNELS = names("channels")


@pytest.fixture(scope="module")
def stream() -> Experiment:
    """Two tasks of six steps of a perceptron with two hidden layers."""
    return Experiment(
        task=Gaussians(shape=(8,), classes=3, training=40, validation=20, tasks=2),
        model=MLP(widths=(7, 5)),
        optim=Adam(lr=0.01),
        schedule=Constant(),
        budget=Budget(steps=STEPS),
        batch=Batching(size=8),
        evaluation=Evaluation(log_every_steps=4),
        snapshots=Snapshots(every_steps=3),
        precision="float32",
        device="cpu",
    )


# Settings under which a method resets some units in so few steps.
SOON: dict[str, dict[str, Any]] = {
    "snr": {"tail_prob": 0.9, "initial_threshold": 1.0, "update_every_steps": 3},
    "snr_v2": {"tail_prob": 0.45, "update_every_steps": 2},
    "snr_histogram": {"initial_threshold": 8, "shortest": 1, "update_every_steps": 3, "longest": 64},
    "redo": {"every_steps": 2, "threshold": 0.9},
    "cbp": {"replacement_rate": 0.2, "maturity_steps": 2},
    "cbp_notebook": {"replacement_rate": 0.2, "maturity_steps": 2},
}


def method_of(name: str, **settings: Any) -> Any:
    return find("methods", name)(**{**SOON.get(name, {}), **settings})


@pytest.mark.parametrize("name", names("methods"))
def test_a_run_that_was_stopped_in_a_task_goes_on_as_if_it_had_not(name: str, stream: Experiment) -> None:
    experiment = replace(stream, methods=(method_of(name),))
    whole, _, _ = carried_out(experiment, "whole")
    other = queued(experiment, "other")
    stopped(other, at=8)
    resume(other)
    assert_same(whole, other)
    changed = whole.metrics.curve(f"method/{name}_changed")[1]
    assert sum(changed) > 0, "above zero it changes something"


@pytest.mark.parametrize("name", names("methods"))
def test_switched_off_the_run_is_that_without_it(name: str, stream: Experiment) -> None:
    plain, _, _ = carried_out(stream, "plain")
    off, _, _ = carried_out(replace(stream, methods=(method_of(name, **find("methods", name).off),)), "off")
    assert last_checkpoint(plain)[2:] == last_checkpoint(off)[2:]
    losses, others = (dict(zip(*run.metrics.curve("train/loss"), strict=True)) for run in (plain, off))
    assert losses.items() <= others.items() or others.items() <= losses.items()


def test_nothing_that_is_done_between_two_lines_is_lost(stream: Experiment) -> None:
    method = SNRV2(tail_prob=0.45, update_every_steps=2)
    run, training, _ = carried_out(replace(stream, methods=(method,)))
    assert run.metrics.curve("method/snr_v2_acts") == ([1, 4, 8, 12], [1, 3, 4, 4])
    for layer in ("layers.0", "layers.1"):
        counted = sum(run.metrics.curve(f"method/snr_v2_units/{layer}")[1])
        assert counted == int(training.method_statistics[0][f"resets/{layer}"].sum())


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float64"])
def test_a_method_sees_the_pass_that_made_the_gradient(precision: Any, stream: Experiment) -> None:
    seen: list[Any] = []

    class Seeing(ReDo):
        def observe(self, statistics: Any, activations: Any, units: Any) -> Any:
            seen.append({name: values.clone() for name, values in activations.items()})
            return super().observe(statistics, activations, units)

    experiment = replace(stream, precision=precision, methods=(Seeing(every_steps=2),))
    whole = in_memory(experiment)
    parts = in_memory(replace(experiment, batch=Batching(size=8, accumulate=3)))
    for t in (whole, parts):
        begin_interventions(t)
        t.step = 1
        batch = t.next_batch()
        worker = t.weights.worker
        expected = nn.functional.linear(
            batch.tensors["inputs"].to(worker.layers[0].weight.dtype), worker.layers[0].weight, worker.layers[0].bias
        ).detach()
        optimiser_step(t)
        torch.testing.assert_close(seen.pop()["layers.0"], expected)
    optimiser_step(whole)  # the third is not due, so nothing is looked at
    assert not seen


def test_counts_of_steps_of_the_elements_that_were_reset(stream: Experiment) -> None:
    """Adam counts the steps of a tensor, and goes on; the elementwise one begins anew where a unit was reset."""
    for optim in (Adam(lr=0.01), AdamElementwise(lr=0.01)):
        t = in_memory(replace(stream, optim=optim, methods=(ReDo(every_steps=3, threshold=0.9),)))
        begin_interventions(t)
        for _ in range(3):
            optimiser_step(t)
        apply_methods(t)
        mask = t.method_statistics[0]["resets/layers.0"].bool()
        assert mask.any()
        state = t.optimiser.state[t.model.layers[0].weight]
        counts = state["step"] if state["step"].ndim else state["step"].expand(len(mask), 1)
        assert counts[~mask].eq(3).all()
        assert counts[mask].eq(3 if isinstance(optim, Adam) else 0).all()
        assert not state["exp_avg"][mask].any()


def test_elementwise_adam_is_adam_where_nothing_is_reset(stream: Experiment) -> None:
    ends = []
    for optim in (Adam(lr=0.01, weight_decay=0.1), AdamElementwise(lr=0.01, weight_decay=0.1)):
        t = in_memory(replace(stream, optim=optim, precision="float64"))
        for _ in range(4):
            optimiser_step(t)
        ends.append({name: p.detach().clone() for name, p in t.model.named_parameters()})
    torch.testing.assert_close(*ends, rtol=1e-9, atol=1e-12)


def test_momentum_of_reset_elements_is_zero(stream: Experiment) -> None:
    t = in_memory(replace(stream, optim=SGD(momentum=0.9), methods=(ReDo(every_steps=1, threshold=0.9),)))
    begin_interventions(t)
    optimiser_step(t)
    apply_methods(t)
    mask = t.method_statistics[0]["resets/layers.1"].bool()
    momentum = t.optimiser.state[t.model.layers[2].weight]["momentum_buffer"]
    assert mask.any()
    assert not momentum[:, mask].any()
    assert momentum[:, ~mask].any()


def test_a_model_without_units_is_refused(stream: Experiment) -> None:
    with pytest.raises(SpecError, match="methods/snr acts on hidden units, and Perceptron has none"):
        queued(replace(stream, model=MLP(widths=()), methods=(SNR(),)))


def test_a_frozen_layer_is_refused_unless_it_is_left_out(stream: Experiment) -> None:
    frozen = replace(stream, freeze=("layers.0",), methods=(SNR(where=("layers.1.weight",)),))
    queued(frozen, "fine")
    with pytest.raises(SpecError, match=r"`layers\.1\.bias` of the layer `layers\.1` is frozen"):
        queued(replace(frozen, freeze=("layers.1.bias",)))


def test_a_weight_of_two_layers_is_refused(stream: Experiment) -> None:
    class Twice(MLP):
        def build(self, signature: Any) -> Any:
            model = super().build(signature)
            model.layers[1].weight = model.layers[2].weight = nn.Parameter(torch.zeros(7, 7))
            return model

    shared = Twice(widths=(7, 7, 7))
    with pytest.raises(SpecError, match=r"`layers\.1\.weight` is shared by two layers"):
        queued(replace(stream, model=shared, methods=(SNR(),)))


def test_one_weight_is_drawn_anew_by_the_law_of_the_whole_model(stream: Experiment) -> None:
    t = in_memory(replace(stream, model=MLP(widths=(300, 200))))
    for path in ("layers.0.weight", "layers.1.weight"):
        one, again, later = (fresh_weight(t, path, "resets", 0, step) for step in (1, 1, 2))
        whole = fresh_weights(t, "resets", 0, 1)[path]
        assert one.equal(again)
        assert not one.equal(later)
        assert one.std().item() == pytest.approx(whole.std().item(), rel=0.06)
        assert one.mean().item() == pytest.approx(0, abs=0.05 * whole.std().item() * 3)
    t.model.layers[0].weight.drawn_std = None
    assert fresh_weight(t, "layers.0.weight", "resets", 0, 1).equal(fresh_weights(t, "resets", 0, 1)["layers.0.weight"])


@pytest.mark.parametrize("name", names("mixers"))
def test_the_law_that_a_weight_remembers_is_the_one_it_has(name: str) -> None:
    """What overwrote a weight after its law was noted would make every reset draw from another one."""
    spec = LM(
        dim=64, layers=tuple(Block(mixer=find("mixers", name)(), channel=find("channels", c)()) for c in CHANNELS)
    )
    remembered = 0
    for path, p in spec.build(Signature(vocabulary=64, length=16)).named_parameters():
        if getattr(p, "drawn_std", None) is not None and p.numel() > 2000:
            assert p.std().item() == pytest.approx(p.drawn_std, rel=0.1), path
            remembered += 1
    assert remembered >= len(CHANNELS)


def test_what_watches_units_is_not_packed(stream: Experiment) -> None:
    with pytest.raises(CannotPack, match=r"`methods\.0` \(methods/snr\) cannot be packed"):
        refuse([in_memory(replace(stream, methods=(SNR(),)))])
