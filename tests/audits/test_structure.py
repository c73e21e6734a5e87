"""Variants of structural faults beyond the museum's, and healthy models that look odd."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqlab.audits.shared.gate import Result, chosen, examine
from seqlab.audits.shared.subject import Subject
from seqlab.channels.mlp import MLP
from seqlab.data.signature import Signature
from seqlab.experiment import Batching, Budget, Experiment
from seqlab.mixers import Mixer, SequenceMixer
from seqlab.mixers.attention import Attention
from seqlab.mixers.hyena import Hyena
from seqlab.mixers.window import Window
from seqlab.models import Block, Model
from seqlab.models.lm import LM
from seqlab.nn.inits.normal import Normal
from seqlab.nn.norms.layernorm import LayerNorm
from seqlab.tasks.text import Text
from seqlab.train.start import prepare

LICENSE = Path(__file__).parent.parent.parent / "LICENSE"
STRUCTURE = (
    "attention_scale", "batch_mixing", "causality", "input_ignored", "padding", "position_wise", "receptive_field",
    "residual_gain",
)  # fmt: skip


def experiment(model: Model, length: int = 32) -> Experiment:
    return Experiment(
        task=Text(path=str(LICENSE), length=length),
        model=model,
        batch=Batching(size=4),
        budget=Budget(steps=4),
        precision="float32",
        device="cpu",
    )


def lm(*mixers: Mixer, **settings: Any) -> LM:
    block = Block(mixer=Attention(heads=2), channel=MLP(expansion=2.0))
    return LM(dim=16, layers=tuple(replace(block, mixer=mixer) for mixer in mixers), **settings)


def audited(model: Model, *names: str, length: int = 32) -> dict[str, Result]:
    subject = Subject(prepare(experiment(model, length)).training)
    return {result.name: result for result in examine(subject, chosen(names or STRUCTURE), use_cited=False)}


HEALTHY: dict[str, LM] = {
    "attention": lm(Attention(heads=4), Attention(heads=1)),
    "grouped, normed, rotary": lm(Attention(heads=4, kv_heads=2, qk_norm=True, position="rotary")),
    "alibi": lm(Attention(heads=8, position="alibi", alibi_span=0.5)),
    "hyena of order 3": lm(Hyena(order=3), Hyena()),
    "window": lm(Window(window=4), Window(window=1), Attention(heads=2)),
    "branches that start at zero": lm(
        Hyena(), Attention(heads=2), residual_init=Normal(scale=0.0), head_init=Normal(scale=0.0), tied=False
    ),
    "large embedding": lm(Attention(heads=2), embedding_init=Normal(scale=3.0), position="learned"),
    "post-norm": replace(
        lm(Attention(heads=2)),
        layers=(Block(mixer=Attention(heads=2), placement="post", norm=LayerNorm(), channel=MLP(dropout=0.1)),) * 3,
    ),
    "dropout": replace(lm(Attention(heads=2), dropout=0.2), layers=(Block(mixer=Hyena(dropout=0.2), dropout=0.2),) * 2),
    "no channel mixer": replace(lm(Attention(heads=2)), layers=(Block(mixer=Attention(heads=2), channel=None),) * 2),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_no_false_alarm(name: str) -> None:
    for result in audited(HEALTHY[name]).values():
        assert result.status == "pass", result.sentence()


@pytest.mark.parametrize("length", [8, 16, 200])
def test_no_false_alarm_at_other_lengths(length: int) -> None:
    for result in audited(lm(Hyena(), Attention(heads=2)), length=length).values():
        assert result.status == "pass", result.sentence()


class Foreign(Model):
    """A model of plain torch modules, with a fault to choose."""

    fault: str = "none"
    """Which."""

    def build(self, signature: Signature) -> nn.Module:
        return ForeignModel(self.fault, signature.vocabulary)

    def card(self, model: nn.Module) -> dict[str, Any]:
        return {}


class ForeignModel(nn.Module):
    """Two layers of torch's own attention and MLP; nothing of seqlab."""

    def __init__(self, fault: str, vocabulary: int, dim: int = 16, heads: int = 4) -> None:
        super().__init__()
        self.fault, self.heads = fault, heads
        self.embedding = nn.Embedding(vocabulary, dim)
        self.layers = nn.ModuleList(
            nn.ModuleDict(
                {
                    "norm": nn.LayerNorm(dim),
                    "project": nn.Linear(dim, 3 * dim),
                    "out": nn.Linear(dim, dim),
                    "mlp": nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, dim), nn.GELU(), nn.Linear(dim, dim)),
                }
            )
            for _ in range(2)
        )
        self.head = nn.Linear(dim, vocabulary)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens)
        for index, layer in enumerate(self.layers):
            x = x + self._attend(layer, x, index)
            x = x + layer["mlp"](x)  # type: ignore[index]
            if self.fault == "doubled":
                x = 2 * x
        if self.fault == "batch statistics":
            x = x - x.mean(0, keepdim=True)
        if self.fault == "length statistics":
            x = x / x.std((1, 2), keepdim=True)
        return self.head(x if self.fault != "deaf" else torch.zeros_like(x))  # type: ignore[no-any-return]

    def _attend(self, layer: Any, x: Tensor, index: int) -> Tensor:
        q, k, v = layer["project"](layer["norm"](x)).unflatten(-1, (3, self.heads, -1)).transpose(1, 3).unbind(2)
        sees = self.fault == "both directions" and index == 1
        if self.fault == "fused without a scale":
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=1.0)
        else:
            q = q * (1.0 if self.fault == "no scale" else q.shape[-1] ** -0.5)
            q = q / math.sqrt(q.shape[-1]) if self.fault == "scaled twice" else q
            scores = torch.einsum("bhld,bhmd->bhlm", q, k)
            future = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(2 if self.fault == "off by one" else 1)
            weights = (scores if sees else scores.masked_fill(future, -math.inf)).softmax(-1)
            y = weights @ v
        return layer["out"](y.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


CAUGHT = {
    "both directions": "causality",
    "off by one": "causality",
    "length statistics": "causality",
    "batch statistics": "batch_mixing",
    "deaf": "input_ignored",
    "no scale": "attention_scale",
    "fused without a scale": "attention_scale",
    "scaled twice": "attention_scale",
}


def test_a_foreign_model_without_a_fault() -> None:
    for result in audited(Foreign()).values():
        assert result.status == "pass", result.sentence()


@pytest.mark.parametrize("fault", CAUGHT)
def test_a_foreign_model_with_a_fault(fault: str) -> None:
    result = audited(Foreign(fault=fault), CAUGHT[fault])[CAUGHT[fault]]
    assert result.status == "fail", result.sentence()


class Odd(Mixer):
    """A mixer with a fault to choose."""

    fault: str
    """Which."""

    def build(self, *, dim: int, length: int) -> SequenceMixer:
        return OddMixer(self.fault, dim, length)


class OddMixer(SequenceMixer):
    causal = True
    max_length = None

    def __init__(self, fault: str, dim: int, length: int) -> None:
        super().__init__()
        self.fault, self.length = fault, length
        self.project = nn.Linear(dim, dim)
        self.kernel = nn.Parameter(torch.rand(length, dim) / length)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        values = self.project(x)
        match self.fault:
            case "leaks at full length":
                y = values.cumsum(1)
                return y + (values.flip(1) if x.shape[1] == self.length else 0)
            case "leaks far":
                return values.cumsum(1) + values.roll(-12, 1) * (torch.arange(x.shape[1]) < x.shape[1] - 12)[:, None]
            case "own position":
                return values.tanh()
            case "constant":
                return self.kernel[: x.shape[1]].expand_as(x)
            case "breaks":
                return values.cumsum(1) + self.kernel[: x.shape[1]].unflatten(0, (2, -1)).flatten(0, 1)
            case "float32" | "float32 and leaks":
                y = values.float().cumsum(1) + (values.float().flip(1) if "leaks" in self.fault else 0)
                return y + self.kernel[:1].float()
            case "length":
                return values.cumsum(1) / x.shape[1]
            case _:
                return values.cumsum(1) / 8

    def flops(self, length: int) -> float:
        return 0.0

    def state_bytes(self, batch: int, length: int) -> int:
        return 0


@pytest.mark.parametrize(
    ("fault", "audit"),
    [
        ("leaks at full length", "causality"),
        ("leaks far", "causality"),
        ("own position", "receptive_field"),
        ("constant", "input_ignored"),
        ("breaks", "padding"),
        ("length", "padding"),
        ("float32 and leaks", "causality"),
    ],
)
def test_a_mixer_with_a_fault(fault: str, audit: str) -> None:
    result = audited(lm(Odd(fault=fault), Attention(heads=2)), audit)[audit]
    assert result.status == "fail", result.sentence()


@pytest.mark.parametrize("fault", ["none", "float32"])
def test_a_mixer_without_one(fault: str) -> None:
    for result in audited(lm(Odd(fault=fault), Odd(fault=fault))).values():
        assert result.status == "pass", result.sentence()


def test_the_layer_is_named_where_the_leak_begins() -> None:
    found = audited(lm(Attention(heads=2), Odd(fault="leaks far"), Attention(heads=2)), "causality")["causality"]
    assert "it begins in layer 1 (OddMixer)" in found.finding.message
