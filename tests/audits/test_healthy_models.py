"""Correct models and tasks that look odd: an audit believes them, or warns and says why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from exhibits import Own, Plain, Stack, masked, mean_so_far, small
from tasks_for_tests import Pictures, PreparedPictures, finding
from torch import Tensor, nn
from torch.nn import functional as F

from seqlab.audits.collapse import Collapse
from seqlab.audits.shared.subject import Subject
from seqlab.channels.mlp import MLP
from seqlab.data.signature import Signature
from seqlab.experiment import Experiment
from seqlab.mixers import Mixer
from seqlab.mixers.attention import Attention
from seqlab.mixers.dln import DLN, DampedFourier
from seqlab.models import Block
from seqlab.models.lm import LM
from seqlab.nn import memory
from seqlab.nn.norms.batchnorm import BatchNorm
from seqlab.tasks.text import PreparedText
from seqlab.train.start import prepare


class Layers(Own):
    """Four layers of one kind."""

    kind: str
    """Which."""

    def build(self, signature: Signature) -> nn.Module:
        return Stack(signature.vocabulary, (KINDS[self.kind](16) for _ in range(4)))


class Recurrent(nn.Module):
    """A GRU with a residual connection; it returns its state as well."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.recurrence = nn.GRU(dim, dim, batch_first=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y, state = self.recurrence(x)
        return x + y, state


class ByName(nn.Module):
    """Calls a layer by the name of its argument."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Averaging(dim)])

    def forward(self, x: Tensor) -> Tensor:
        return self.layers[0](hidden_states=x)  # type: ignore[no-any-return]


class Averaging(nn.Module):
    """x + f(norm(x)); `residual`: how often it adds x."""

    residual = 1

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm, self.project = nn.LayerNorm(dim), nn.Linear(dim, dim)

    def forward(self, hidden_states: Tensor) -> Tensor:
        y: Tensor = self.project(mean_so_far(self.norm(hidden_states)))
        return self.residual * hidden_states + y


class WithoutResidual(Averaging):
    residual = 0


class Rounding(Averaging):
    """Takes another kernel where no gradient is asked for, which rounds more, as some do in bfloat16."""

    def forward(self, hidden_states: Tensor) -> Tensor:
        y = super().forward(hidden_states)
        return y if torch.is_grad_enabled() else (2 * y).round() / 2


class OfMup(nn.Module):
    """One head whose scores are divided by its width, once."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm, self.project, self.out = nn.LayerNorm(dim), nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.project(self.norm(x)).chunk(3, -1)
        y: Tensor = self.out(masked(q @ k.transpose(1, 2) / q.shape[-1]).softmax(-1) @ v)
        return x + y


KINDS: dict[str, Callable[[int], nn.Module]] = {
    "recurrent": Recurrent,
    "called by name": ByName,
    "without residual": WithoutResidual,
    "of muP": OfMup,
    "rounding": Rounding,
}


@pytest.mark.parametrize("kind", ["recurrent", "called by name"])
@pytest.mark.parametrize("audit", ["residual_gain", "receptive_field", "causality", "dtype"])
def test_layers_of_ones_own_are_believed(kind: str, audit: str) -> None:
    found = finding(audit, small(Layers(kind=kind)))
    assert found.status == "pass", found.message


def test_what_a_step_reports_is_measured_as_the_step_does_with_a_graph() -> None:
    found = finding("evaluation_phase", small(Layers(kind="rounding")))
    assert found.status == "pass", found.message
    assert found.measured["difference"] == 0


def test_the_gain_of_layers_that_return_more_than_the_stream_is_measured() -> None:
    assert finding("residual_gain", small(Layers(kind="recurrent"))).measured["layers"] == 4


@pytest.mark.parametrize("says", [True, False])
def test_a_formula_that_holds_its_input_has_a_way_to_say_so(says: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """s = z s + x with a short memory is little more than x."""
    monkeypatch.setattr(DampedFourier, "holds_input", says)
    short = DLN(memory=memory.Memory(shortest_horizon=1.1, longest_horizon=1.2))
    found = finding("residual_gain", small(LM(dim=16, layers=(Block(mixer=short),) * 2)))
    assert found.status == ("pass" if says else "fail")


def test_a_stream_that_ends_is_told() -> None:
    found = finding("residual_gain", small(Layers(kind="without residual")))
    assert found.status == "warn"
    assert "the residual stream ends in layer 0 (WithoutResidual)" in found.message


def test_the_scale_of_mup_is_told_and_stops_nothing() -> None:
    found = finding("attention_scale", small(Layers(kind="of muP")))
    assert found.status == "warn"
    assert "multiplied by 1/16, as muP has it" in found.message


class Shift(Mixer):
    """This symbol and the one before, mixed; `says`: it tells its reach."""

    says: bool = False

    def build(self, *, dim: int, length: int) -> ShiftMixer:
        return ShiftMixer(self.says, dim)


class ShiftMixer(Plain):
    def __init__(self, says: bool, dim: int) -> None:
        super().__init__()
        self.reach = 2 if says else None
        self.share, self.out = nn.Parameter(torch.rand(dim)), nn.Linear(dim, dim)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        before = F.pad(x, (0, 0, 1, -1))
        y: Tensor = self.out(x * self.share + before * (1 - self.share))
        return y


@pytest.mark.parametrize(("says", "status"), [(False, "warn"), (True, "pass")])
def test_a_reach_that_is_short_by_design_has_a_way_to_say_so(says: bool, status: str) -> None:
    layers = tuple(Block(mixer=mixer, channel=MLP()) for mixer in (Shift(says=says), Attention(heads=2)))
    found = finding("receptive_field", small(LM(dim=16, layers=layers)))
    assert found.status == status, found.message
    assert says or "an attribute `reach`" in found.message


class Perceptron(Own):
    """Three linears over a whole picture."""

    width: int = 16

    def build(self, signature: Signature) -> nn.Module:
        inner = nn.Linear(self.width, self.width)
        first, last = nn.Linear(signature.length, self.width), nn.Linear(self.width, signature.vocabulary)
        return nn.Sequential(first, nn.ReLU(), inner, nn.ReLU(), last)


def _pictures(**settings: Any) -> Experiment:
    return replace(small(Perceptron(), Pictures()), **settings)


def test_pixels_are_never_cut_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqlab.audits.shared.subject.AFFORDABLE_FLOPS", 1.0)
    subject = Subject(prepare(_pictures()).training)
    assert subject.length == subject.whole_length
    assert subject.flops(1) == 2 * (16 * 16 + 16 * 16 + 16 * 4)


def test_a_fused_recurrence_costs_what_its_weights_cost() -> None:
    subject = Subject(prepare(small(Memory())).training)
    assert subject.flops(32) == 2 * 32 * (2 * 4 * 16 * 16 + 16 * 256)


class Memory(Own):
    """An LSTM of torch."""

    def build(self, signature: Signature) -> nn.Module:
        return MemoryModel(signature.vocabulary)


class MemoryModel(nn.Module):
    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(vocabulary, 16), nn.Linear(16, vocabulary)
        self.recurrence = nn.LSTM(16, 16, batch_first=True)

    def forward(self, tokens: Tensor) -> Tensor:
        logits: Tensor = self.head(self.recurrence(self.embedding(tokens))[0])
        return logits


class WidePictures(Pictures):
    """Pictures that are made float64 for the model by whoever calls it, as by the task itself."""

    def prepare(self) -> PreparedPictures:
        return PreparedWidePictures(self)


class PreparedWidePictures(PreparedPictures):
    def __init__(self, spec: Pictures) -> None:
        super().__init__(spec)
        self.data = {name: rows.astype("float64") for name, rows in self.data.items()}

    def held_out_inputs(self, rows: int) -> tuple[Tensor, ...]:
        return (super().held_out_inputs(rows)[0].float(),)


@pytest.mark.parametrize("audit", ["evaluation_mode", "frozen", "dtype", "residual_gain"])
def test_pictures_in_float64_are_believed(audit: str) -> None:
    found = finding(audit, _pictures(task=WidePictures(), precision="float64"))
    assert found.status == "pass", found.message


def test_inputs_that_were_cut_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqlab.audits.shared.subject.AFFORDABLE_FLOPS", 1.0)
    found = finding("causality", replace(small(), task=replace(small().task, length=64)))
    assert found.status == "pass"
    assert "cut to 32 of 64 positions" in found.message


def test_a_model_of_both_sides_is_not_asked_to_generate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PreparedText, "forward_only", False)
    layers = (Block(mixer=Attention(heads=2, causal=False), channel=MLP()),) * 2
    found = Collapse().examine(Subject(prepare(small(LM(dim=16, layers=layers))).training, "trained"))
    assert found.measured["loops"] == []


def test_batch_statistics_over_later_symbols_are_told_and_stop_nothing() -> None:
    block = Block(mixer=Attention(heads=2), channel=MLP(expansion=2.0), norm=BatchNorm())
    experiment = small(LM(dim=16, layers=(block,) * 2))
    found = finding("causality", experiment)
    assert found.status == "warn"
    assert "statistics of a batch norm carry later symbols" in found.message
    for audit in ("batch_mixing", "position_wise", "padding", "evaluation_mode", "frozen"):
        assert finding(audit, experiment).status == "pass", audit
