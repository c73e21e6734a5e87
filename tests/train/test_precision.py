"""Masters, worker and average; bfloat16, float16 with its loss scale, float64; devices."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from seqlab.experiment import Experiment
from seqlab.mixers.hyena import Hyena
from seqlab.models import Block
from seqlab.optim.optimisers.adamw import AdamW
from seqlab.train.interventions import begin_interventions
from seqlab.train.precision import LossScale, choose_device, choose_dtype
from seqlab.train.step import optimiser_step
from seqlab.train.training import Training, assemble
from seqlab.train.weights import Weights
from tiny_runs import carried_out, gradients, in_memory


@pytest.fixture
def narrow(tiny: Experiment) -> Training:
    """In bfloat16, with a mixer whose filter keeps float32."""
    layers = (tiny.model.layers[0], Block(mixer=Hyena(), channel=None))
    return in_memory(
        replace(tiny, model=replace(tiny.model, layers=layers), precision="bfloat16", optim=AdamW(lr=0.01))
    )


def test_the_worker_is_narrow_but_for_what_keeps_float32(narrow: Training) -> None:
    masters, worker = dict(narrow.model.named_parameters()), dict(narrow.weights.worker.named_parameters())
    assert {p.dtype for p in masters.values()} == {torch.float32}
    kept = {name for name, p in worker.items() if p is masters[name]}
    assert {name for name, p in worker.items() if p.dtype == torch.float32} == kept
    assert "norm.weight" in kept
    assert any("filter" in name for name in kept)
    assert {worker[name].dtype for name in worker.keys() - kept} == {torch.bfloat16}
    assert "embedding.weight" not in kept


def test_every_step_is_published(narrow: Training) -> None:
    before = {name: p.detach().clone() for name, p in narrow.model.named_parameters()}
    for _ in range(2):
        optimiser_step(narrow)
        worker = dict(narrow.weights.worker.named_parameters())
        for name, master in narrow.model.named_parameters():
            assert worker[name].equal(master.to(worker[name].dtype))
            assert master.grad is None
            assert worker[name].grad is None
    changed = [name for name, p in narrow.model.named_parameters() if not p.equal(before[name])]
    assert len(changed) == len(before)


def test_the_gradient_of_the_masters_is_float32_and_near(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = gradients(in_memory(replace(tiny, clip=None)), monkeypatch)
    near = gradients(in_memory(replace(tiny, clip=None, precision="bfloat16")), monkeypatch)
    for name, gradient in near.items():
        assert gradient.dtype == torch.float32
        assert (gradient - exact[name]).norm() < 0.05 * exact[name].norm(), name


def test_float64_from_end_to_end(tiny: Experiment) -> None:
    run, training, state = carried_out(replace(tiny, precision="float64", averaging=0.5))
    assert state == "finished"
    assert {p.dtype for p in training.model.parameters()} == {torch.float64}
    assert run.metrics.last["val/loss"] < 5.6


class Doubled(nn.Module):
    """A tied tensor, a buffer, and a part in float32."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(3, 3, bias=False)
        self.two = nn.Linear(3, 3, bias=False)
        self.two.weight = self.one.weight
        self.register_buffer("table", torch.arange(3.0))


def test_a_narrow_copy_keeps_ties_and_narrows_buffers() -> None:
    weights = Weights(Doubled(), torch.bfloat16)
    worker = weights.worker
    assert isinstance(worker, Doubled)
    assert worker.one.weight is worker.two.weight
    assert worker.table.dtype == worker.one.weight.dtype == torch.bfloat16
    assert weights.model.table.dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_average_is_the_formula_and_is_what_is_evaluated(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    weights = Weights(Doubled(), dtype, averaging=0.75)
    expected = weights.model.one.weight.detach().clone()
    for _ in range(3):
        with torch.no_grad():
            weights.model.one.weight.add_(torch.randn(3, 3))
        weights.publish()
        weights.update_average()
        expected = 0.75 * expected + 0.25 * weights.model.one.weight.detach()
    assert weights.average is not None
    torch.testing.assert_close(weights.average["one.weight"], expected)
    masters = weights.model.one.weight.detach().clone()
    with weights.evaluated() as model:
        assert not model.training
        torch.testing.assert_close(model.two.weight, expected.to(dtype))
    assert weights.model.one.weight.equal(masters)
    assert weights.worker.one.weight.equal(masters.to(dtype))
    assert weights.worker.training


def test_loss_scale_grows_halves_and_counts() -> None:
    scale = LossScale(torch.float16, start=8.0, growth_steps=2)
    gradient = torch.tensor([16.0])
    assert scale.unscale([gradient])
    assert gradient.item() == 2.0
    assert not scale.unscale([torch.ones(1), torch.tensor([float("inf")])])
    assert (scale.scale, scale.overflows) == (4.0, 1)
    assert [scale.unscale([torch.ones(1)]) for _ in range(2)] == [True, True]
    assert scale.scale == 8.0
    again = LossScale(torch.float16)
    again.load_state_dict(scale.state_dict())
    assert again.state_dict() == scale.state_dict()
    off = LossScale(torch.bfloat16)
    assert off.unscale([torch.tensor([float("inf")])])
    assert off.scale == 1.0


def half(tiny: Experiment) -> Training:
    training = in_memory(replace(tiny, device="auto"))
    training = assemble(training.experiment, training.task, torch.device("cpu"), torch.float16)
    begin_interventions(training)
    return training


def test_float16_trains_and_the_scale_leaves_no_trace(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = gradients(in_memory(replace(tiny, clip=None)), monkeypatch)
    scaled = gradients(half(replace(tiny, clip=None)), monkeypatch)
    for name, gradient in scaled.items():
        assert (gradient - exact[name]).norm() < 0.02 * exact[name].norm(), name


def test_an_overflow_skips_the_step_and_is_counted(tiny: Experiment) -> None:
    training = half(replace(tiny, averaging=0.5))
    training.loss_scale.scale = 1e30
    before = {name: p.detach().clone() for name, p in training.model.named_parameters()}
    metrics = optimiser_step(training)
    assert metrics["train/overflows"] == 1.0
    assert "train/gradient_norm" not in metrics
    assert all(p.equal(before[name]) and p.grad is None for name, p in training.model.named_parameters())
    assert not training.optimiser.state
    assert training.step == 1
    training.loss_scale.scale = 1024.0
    assert optimiser_step(training)["train/overflows"] == 1.0
    assert training.optimiser.state


def test_probes_see_the_gradient_without_the_scale(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []

    def look(t: Training, phase: str, update: int) -> dict[str, float]:
        assert phase == "before_update"
        seen.append(float(t.model.norm.weight.grad.norm()))
        return {}

    monkeypatch.setattr("seqlab.train.step.measure_probes", look)
    optimiser_step(in_memory(tiny))
    optimiser_step(half(tiny))
    assert seen[1] == pytest.approx(seen[0], rel=0.02)


def test_devices_and_dtypes() -> None:
    cpu = torch.device("cpu")
    assert choose_device("cpu") == cpu
    assert choose_dtype("float64", cpu) == torch.float64
    assert choose_dtype("auto", cpu) in (torch.float32, torch.bfloat16)
    with pytest.raises(ValueError, match="precision=float16 needs a GPU"):
        choose_dtype("float16", cpu)


def test_a_gpu_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == torch.device("cpu")
    with pytest.raises(ValueError, match="device=cuda was asked for"):
        choose_device("cuda")
