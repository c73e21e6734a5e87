"""What acts beside the gradient, or looks on: penalties, methods, probes."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqlab.experiment import Evaluation, Experiment
from seqlab.journal import Run
from seqlab.methods.shrink_and_perturb import ShrinkAndPerturb
from seqlab.optim.optimisers.sgd import SGD
from seqlab.probes.weight_norms import WeightNorms
from seqlab.regularisers.l2 import L2
from seqlab.spec import SpecError
from seqlab.train.checkpoint import checkpoints
from seqlab.train.interventions import apply_methods, begin_interventions, measure_probes
from seqlab.train.saving import restore, save
from seqlab.train.step import optimiser_step, penalise
from tiny_runs import carried_out, in_memory, queued, stopped


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float64"])
def test_the_gradient_of_a_penalty_reaches_the_masters(tiny: Experiment, precision: Any) -> None:
    training = in_memory(replace(tiny, precision=precision, regularisers=(L2(strength=0.5),), freeze=("embedding",)))
    metrics = penalise(training, 0, training.experiment.regularisers[0])
    weights = {name: p for name, p in training.model.named_parameters() if name != "embedding.weight"}
    squares = sum(float(p.detach().double().square().sum()) for p in weights.values())
    assert float(metrics["train/penalty_l2"]) == pytest.approx(0.5 * squares, rel=1e-4)
    for name, p in weights.items():
        assert p.grad is not None
        torch.testing.assert_close(p.grad, p.detach(), msg=name)


class Towards(L2):
    """A penalty that notes what it is compared with."""

    against: str = "initial"

    def compares_with(self) -> Any:
        return self.against

    def penalty(self, parameters: Any, reference: Any) -> Tensor:
        SEEN.append({name: tensor.clone() for name, tensor in reference.items()})
        return super().penalty(parameters, {})


SEEN: list[dict[str, Tensor]] = []


def test_a_penalty_is_given_what_it_compares_with(tiny: Experiment) -> None:
    SEEN.clear()
    training = in_memory(replace(tiny, precision="float64", regularisers=(Towards(), Towards(against="fresh"))))
    begin_interventions(training)
    start = {name: p.detach().clone() for name, p in training.model.named_parameters()}
    optimiser_step(training)
    optimiser_step(training)
    initial, fresh, again, fresher = SEEN
    torch.testing.assert_close(initial, start, rtol=0, atol=0)
    torch.testing.assert_close(again, start, rtol=0, atol=0)
    name = "embedding.weight"
    assert fresh[name].dtype == torch.float64
    assert not fresh[name].equal(start[name])
    assert not fresh[name].equal(fresher[name])


def test_what_a_penalty_compares_with_is_that_of_the_first_step_after_a_resume(tiny: Experiment) -> None:
    run = queued(tiny)
    training = stopped(run, at=3)
    training.initial = {"embedding.weight": torch.ones(2)}
    save(training, run.folder)
    other = in_memory(tiny)
    restore(other, checkpoints(run.folder)[-1])
    assert other.initial["embedding.weight"].equal(torch.ones(2))


def report_of(run: Run, name: str) -> dict[str, float]:
    return {key: value for key, value in run.metrics.last.items() if key.startswith(name)}


def test_methods_act_when_due_and_report(tiny: Experiment) -> None:
    method = ShrinkAndPerturb(every_tasks=None, every_steps=2, shrink=0.5, scale=0.0, moments="zero")
    training = in_memory(replace(tiny, methods=(method,), precision="bfloat16", optim=SGD(lr=0.01, momentum=0.9)))
    begin_interventions(training)
    optimiser_step(training)
    assert apply_methods(training) == {}
    optimiser_step(training)
    before = {name: p.detach().clone() for name, p in training.model.named_parameters()}
    report = apply_methods(training)
    assert set(report) == {"method/shrink_and_perturb_changed", "method/shrink_and_perturb_change_norm"}
    assert report["method/shrink_and_perturb_change_norm"] > 0
    for name, p in training.model.named_parameters():
        torch.testing.assert_close(p.detach(), before[name] / 2)
    worker = training.weights.worker.embedding.weight
    assert worker.equal(training.model.embedding.weight.to(worker.dtype))
    for state in training.optimiser.state.values():
        assert not state["momentum_buffer"].any()


def test_what_methods_and_probes_say_is_recorded(tiny: Experiment) -> None:
    experiment = replace(
        tiny,
        methods=(ShrinkAndPerturb(every_tasks=None, every_steps=4),),
        probes=(WeightNorms(every_steps=3),),
        evaluation=Evaluation(log_every_steps=100),
    )
    run, _, _ = carried_out(experiment)
    assert run.metrics.curve("method/shrink_and_perturb_changed")[0] == [4, 8]
    assert run.metrics.curve("weight_norms/after_update/total")[0] == [3, 6, 8]
    assert report_of(run, "weight_norms/after_update/")["weight_norms/after_update/embedding.weight"] > 0


def test_a_method_that_would_never_act_is_refused(tiny: Experiment) -> None:
    with pytest.raises(SpecError, match=r"shrink_and_perturb acts between tasks, after every 1, and would never act"):
        queued(replace(tiny, methods=(ShrinkAndPerturb(),)))


def test_a_method_acts_between_tasks_and_not_after_the_last(tiny: Experiment) -> None:
    training = in_memory(tiny)
    training.experiment = replace(tiny, methods=(ShrinkAndPerturb(),))
    training.task.stages = 2
    begin_interventions(training)
    assert training.steps_a_stage is not None
    training.step = training.steps_a_stage
    assert apply_methods(training)
    training.step *= 2
    assert not apply_methods(training)


def test_two_methods_draw_from_streams_of_their_own(tiny: Experiment) -> None:
    normal = ShrinkAndPerturb(every_tasks=None, every_steps=1, shrink=1.0, scale=1.0, noise="normal")
    training = in_memory(replace(tiny, methods=(normal, normal)))
    begin_interventions(training)
    training.step = 1
    norms: list[Tensor] = []
    for methods in ((normal,), (normal, normal)):
        training.experiment = replace(training.experiment, methods=methods)
        apply_methods(training)
        norms.append(training.model.embedding.weight.detach().clone())
    assert not norms[0].equal(norms[1])


class Early(WeightNorms):
    """Before the update, with a draw of its own."""

    phase = "before_update"

    def measure(self, model: nn.Module, inputs: tuple[Tensor, ...]) -> dict[str, float]:
        assert not model.training
        gradient = next(p.grad for p in model.parameters() if p.grad is not None)
        return {self.metric("gradient"): float(gradient.norm()), self.metric("draw"): float(torch.rand(1))}


def test_probes_of_both_phases_do_not_disturb_the_training(tiny: Experiment) -> None:
    model = replace(tiny.model, dropout=0.3)
    plain, _, _ = carried_out(replace(tiny, model=model), "plain")
    training = in_memory(replace(tiny, model=model, probes=(Early(every_steps=1), WeightNorms(every_steps=1))))
    losses = []
    for step in range(1, 5):
        metrics = optimiser_step(training) | measure_probes(training, "after_update", step)
        losses.append(float(metrics["train/loss"]))
        early = {name for name in metrics if "/before_update/" in name}
        assert len(early) == 2
        assert all(metrics[name] > 0 for name in early)
        assert any("/after_update/" in name for name in metrics)
    assert plain.metrics.curve("train/loss")[1][:4] == losses


def test_two_penalties_of_a_kind_have_names_of_their_own(tiny: Experiment) -> None:
    head, blocks = L2(where=("embedding",)), L2(where=("blocks",), strength=0.1)
    metrics = optimiser_step(in_memory(replace(tiny, regularisers=(head, blocks))))
    assert {name for name in metrics if "penalty" in name} == {"train/penalty_l2_0", "train/penalty_l2_1"}
    assert metrics["train/penalty_l2_0"] != metrics["train/penalty_l2_1"]
