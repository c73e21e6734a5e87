"""What methods are expected to do: counts of a model that stays as it is, and what their settings come to."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from seqlab.audits import Finding
from seqlab.audits.shared.gate import chosen
from seqlab.audits.shared.subject import Subject
from seqlab.experiment import Batching, Budget, Evaluation, Experiment
from seqlab.journal import Run
from seqlab.methods import Method
from seqlab.methods.cbp import CBP
from seqlab.methods.cbp_notebook import CBPNotebook
from seqlab.methods.redo import ReDo
from seqlab.methods.reinitialise import Reinitialise
from seqlab.methods.shared.resetter import State, Turn
from seqlab.methods.shrink_and_perturb import ShrinkAndPerturb
from seqlab.methods.snr import SNR
from seqlab.methods.snr_v2 import SNRV2
from seqlab.models.mlp import MLP
from seqlab.spec import label
from seqlab.tasks.gaussians import Gaussians
from seqlab.train.foresight import foreseen
from tiny_runs import carried_out, in_memory


@pytest.fixture(scope="module")
def stream() -> Experiment:
    """Two tasks of 30 steps of a perceptron with a hidden layer of 40 units."""
    return Experiment(
        task=Gaussians(shape=(8,), classes=3, training=64, validation=20, tasks=2),
        model=MLP(widths=(40,)),
        budget=Budget(steps=30),
        batch=Batching(size=16),
        precision="float32",
        device="cpu",
    )


def test_counts_are_those_of_the_rule_and_nothing_changes(stream: Experiment) -> None:
    t = in_memory(replace(stream, methods=(ReDo(every_steps=5, threshold=0.5),)))
    before, state = {name: p.clone() for name, p in t.model.named_parameters()}, torch.get_rng_state()
    (layer,) = foreseen(t, t.experiment.methods[0])
    assert (layer.layer, layer.units, layer.acts) == ("layers.0", 40, 3 * 4)
    with torch.no_grad():
        resets = []
        for step in range(4):
            active = t.model.layers[0](t.next_batch(skipped=step).tensors["inputs"]).relu().mean(0)
            resets.append(int((active / active.mean() <= 0.5).sum()))
    assert layer.resets == 3 * sum(resets)
    assert layer.largest == max(resets)
    assert layer.events == 12
    assert layer.share == pytest.approx((resets[2] + resets[3] + sum(resets)) / (6 * 40))
    assert layer.thresholds is None
    assert torch.get_rng_state().equal(state)
    assert all(p.equal(before[name]) for name, p in t.model.named_parameters())
    assert not any(module._forward_hooks for module in t.model.modules())


def test_the_tuned_snr_v2_resets_much_of_a_layer_at_each_step(stream: Experiment) -> None:
    (often,) = foreseen(in_memory(stream), SNRV2(tail_prob=0.45, update_every_steps=10))
    (seldom,) = foreseen(in_memory(stream), SNRV2(tail_prob=0.001, update_every_steps=10))
    assert often.share > 0.3
    assert seldom.share < 0.05
    assert often.thresholds is not None
    assert often.thresholds[0] == 1


def test_what_settings_come_to() -> None:
    sizes = {"a": 192, "b": 192}
    told = SNR(tail_prob=0.16).expected(120, sizes)
    assert told[0].endswith("a threshold of 1.83 batches, rounded up to 2")
    assert told[1] == "every tail_prob from 0.135 to 0.368 (not included) does the same to such units"
    same = {math.ceil(-math.log(tail)) for tail in (0.136, 0.16, 0.32, 0.367)}
    assert same == {2}, "the notebook's .84 and .68 were one point of its grid"
    assert "in a layer of 192 units the threshold 0.01 of the sum is 1.92 of the mean" in ReDo(
        threshold=0.01, normalisation="sum"
    ).expected(120, sizes)
    assert any("1.92 units at each step in a layer of 192" in line for line in CBPNotebook().expected(120, sizes))
    per_step = ShrinkAndPerturb(every_steps=1, every_tasks=None, shrink=0.01)
    assert "after the 120 acts of a task 0.3 of a weight is left" in per_step.expected(120, {})[0]


def test_settings_that_come_to_the_same_are_alike() -> None:
    sizes = {"a": 192, "b": 192}
    summed, mean = ReDo(threshold=0.01, normalisation="sum"), ReDo(threshold=1.92)
    assert summed.effective(sizes) == mean.effective(sizes) != ReDo().effective(sizes)
    of_rate = [CBPNotebook(replacement_rate=rate).effective(sizes) for rate in (0.01, 0.0125, 0.015)]
    assert of_rate[0] == of_rate[1] != of_rate[2], "2, 2 and 3 of 192 units at each step"
    assert SNR(tail_prob=0.16, silence="first").effective(sizes) == {}
    assert SNR(tail_prob=0.0).is_off
    assert not ReDo().is_off


def test_the_record_tells_what_was_reset(stream: Experiment) -> None:
    for method, status in (
        (SNRV2(tail_prob=0.45, update_every_steps=10), "warn"),
        (SNRV2(tail_prob=0.001, update_every_steps=10), "pass"),
        (Reinitialise(), "pass"),
    ):
        run, t, _ = carried_out(replace(stream, methods=(method,)), f"run-{status}-{type(method).__name__}")
        found = chosen(["reset_rate"])["reset_rate"].examine(Subject(t, "trained", run=run))
        assert found.status == status, found.message
        if status == "warn":
            assert "the method snr_v2 reset" in found.message
            counted = sum(run.metrics.curve("method/snr_v2_units/layers.0")[1])
            assert found.measured["snr_v2"] == pytest.approx(counted / (60 * 40))


def warned_of(experiment: Experiment) -> tuple[Run, list[tuple[Finding, str]]]:
    """The run, and what audits/reset_rate warns of before and after it, each with the words for what is done."""
    audit = chosen(["reset_rate"])["reset_rate"]
    before = audit.examine(Subject(in_memory(experiment)))
    run, t, _ = carried_out(experiment)
    after = audit.examine(Subject(t, "trained", run=run))
    for found in (before, after):
        assert found.status == "warn", found.message
    return run, [(before, "would reset"), (after, "reset")]


@pytest.mark.parametrize(
    "method",
    [
        CBPNotebook(replacement_rate=1.0, maturity_steps=0),
        CBP(replacement_rate=1.0, maturity_steps=0),
        ReDo(every_steps=1, threshold=1e9),
        Reinitialise(every_steps=1, every_tasks=None),
    ],
    ids=lambda method: type(method).__name__,
)
def test_a_rate_that_resets_everything_at_each_step_is_warned_of_with_the_number(
    method: Method, stream: Experiment
) -> None:
    for found, did in warned_of(replace(stream, methods=(method,)))[1]:
        assert f"{did} 100% of the units of `layers.0` at each step in the mean" in found.message
        share = found.measured[label(type(method)).removeprefix("methods/")]
        assert share == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("log_every_steps", [1, 10])
def test_a_rate_that_comes_in_bursts_is_warned_of_with_the_number(stream: Experiment, log_every_steps: int) -> None:
    """All 40 units come of age together, at steps 25 and 50: a thirtieth of the layer at a step, in the mean."""
    methods = (CBPNotebook(replacement_rate=1.0, maturity_steps=25),)
    experiment = replace(stream, methods=methods, evaluation=Evaluation(log_every_steps=log_every_steps))
    run, findings = warned_of(experiment)
    for found, did in findings:
        assert f"cbp_notebook {did} 40 of the 40 units of `layers.0` in one act, and 3.3% of them" in found.message
    assert max(run.metrics.curve("method/cbp_notebook_largest_share")[1]) == 1.0


def uneven(method: Method, state: State, turn: Turn) -> tuple[Tensor, State]:
    """One unit at each act, in turn, and at the 25th the whole of a layer of 20 units."""
    size = turn.units.width(turn.weights)
    return (torch.arange(size) == turn.number % size) | (turn.number == 25 and size == 20), state


def test_a_burst_is_told_of_the_layer_that_had_it(stream: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 30 acts a line, the 40 units of the first layer add up to most of it, and were reset one by one."""
    monkeypatch.setattr(ReDo, "choose", uneven)
    told = Evaluation(log_every_steps=30)
    run, t, _ = carried_out(
        replace(stream, model=MLP(widths=(40, 20)), methods=(ReDo(every_steps=1),), evaluation=told)
    )
    audit = replace(chosen(["reset_rate"])["reset_rate"], each_step=0.1)
    found = audit.examine(Subject(t, "trained", run=run))
    assert found.status == "warn", found.message
    assert "reset 20 of the 20 units of `layers.1` in one act" in found.message
    assert max(run.metrics.curve("method/redo_largest_share/layers.0")[1]) == pytest.approx(1 / 40)
    lines = [{key: value for key, value in line.items() if "largest" not in key} for line in run.metrics.lines()]
    monkeypatch.setattr(type(run.metrics), "lines", lambda metrics: lines)
    unknown = audit.examine(Subject(t, "trained", run=run))
    assert unknown.status == "pass", unknown.message
    assert list(unknown.measured) == ["redo"], "what was not recorded is unknown, and not 0"


@pytest.mark.parametrize("method", [ReDo(every_steps=10, threshold=0.08, normalisation="sum"), ReDo(every_steps=10)])
def test_the_notebooks_thresholds_by_the_sum_are_warned_of_and_not_refused(method: ReDo, stream: Experiment) -> None:
    """Two rows of its grid reset whole layers: they are to be trained, and to tell on themselves."""
    t = in_memory(replace(stream, model=MLP(widths=(40, 40)), methods=(method,)))
    found = {name: audit.examine(Subject(t)) for name, audit in chosen(["method_effect", "reset_rate"]).items()}
    assert found["method_effect"].status == "pass", found["method_effect"].message
    assert found["reset_rate"].status == ("warn" if method.normalisation == "sum" else "pass")


def test_a_method_that_found_no_unit_to_reset_is_told_of(stream: Experiment) -> None:
    run, t, _ = carried_out(replace(stream, methods=(SNR(initial_threshold=1e6, update_every_steps=1000),)))
    found = chosen(["method_effect"])["method_effect"].examine(Subject(t, "trained", run=run))
    assert found.status == "warn", found.message
    assert "the method snr acted and reset no unit" in found.message


def test_a_new_start_between_tasks_is_what_it_is_meant_to_be(stream: Experiment) -> None:
    t = in_memory(replace(stream, methods=(Reinitialise(),)))
    assert chosen(["reset_rate"])["reset_rate"].examine(Subject(t)).status == "pass"
