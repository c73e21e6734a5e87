"""Models, tasks and norms with faults, as a researcher may write them in a file of their own, beyond the museum's."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from exhibits import TEXT, small, small_model
from planted_faults import fault, variants
from torch import Tensor, nn
from torch.nn import functional as F

from seqlab.channels import ChannelMixer
from seqlab.channels.mlp import MLP, FeedForward
from seqlab.data.signature import Signature
from seqlab.experiment import Experiment
from seqlab.mixers import Mixer, SequenceMixer
from seqlab.mixers.attention import Attention
from seqlab.models import Block, Model
from seqlab.nn.inits.normal import Normal
from seqlab.nn.norms import Norm
from seqlab.optim.optimisers.sgd import SGD
from seqlab.tasks import Batch
from seqlab.tasks.text import PreparedText, Text


def layers(mixer: Mixer | None = None, **block: Any) -> Experiment:
    return small(replace(small_model(), layers=(Block(mixer=mixer or Attention(heads=2), **block),) * 2))


class Wrapped(Mixer):
    """Attention, changed by a function."""

    what: str

    def build(self, *, dim: int, length: int) -> SequenceMixer:
        return WrappedAttention(self.what, dim, length)


class WrappedAttention(SequenceMixer):
    causal = True
    max_length = None

    def __init__(self, what: str, dim: int, length: int) -> None:
        super().__init__()
        self.what = what
        if what == "own generator":
            generator = torch.Generator().manual_seed(7)
            self.memory = nn.Parameter(torch.randn(dim, dim, generator=generator) / dim)
        if what == "numpy":
            self.memory = nn.Parameter(torch.from_numpy(np.random.randn(dim, dim)).float() / dim)
        self.inner = Attention(heads=2).build(dim=dim, length=length)
        if what == "plain list":
            self.others = [nn.Linear(dim, dim)]
        self.unused = nn.Parameter(torch.ones(dim)) if what in ("unused", "times zero", "rounded") else None
        self.fixed = nn.Linear(dim, dim) if what == "no_grad" else None

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        match self.what:
            case "plain list":
                return self.inner(x) + self.others[0](x)
            case "no_grad":
                with torch.no_grad():
                    added = self.fixed(x)
                return self.inner(x) + added
            case "times zero":
                return self.inner(x) * (1 + 0 * self.unused)
            case "rounded":
                return self.inner(x) * self.unused.round()
            case "own generator" | "numpy":
                return self.inner(x) + x @ self.memory
            case "double":
                heads = self.inner.heads.project.weight.double()
                width = x.shape[-1]
                values = F.linear(x.double(), heads)[..., :width]
                return self.inner(x) + F.linear(values.cumsum(1), heads[:width]).to(x.dtype) * 0.01
            case "same mask":
                keep = torch.rand(x.shape[-1], generator=torch.Generator().manual_seed(1)) > 0.5
                return self.inner(x) * (keep if self.training else 0.5)
            case "one mask for all layers":
                key = torch.Generator().manual_seed(torch.initial_seed() % 2**62)
                keep = torch.rand(x.shape, generator=key) > 0.2
                return self.inner(x) * (keep if self.training else 0.8)
            case "rows in fours":
                y = self.inner(x)
                return y + (y.roll(2, 0) if len(x) >= 4 else 0)
            case "its own noise":
                return self.inner(x) + (torch.from_numpy(np.random.randn(1)).to(x) if self.training else 0)
        return self.inner(x)

    def flops(self, length: int) -> float:
        return self.inner.flops(length)


def wrapped(what: str) -> Experiment:
    return layers(Wrapped(what=what))


variants("gradient_flow", wrapped, "plain list", "no_grad", "times zero", "rounded", "unused")
variants("random_streams", wrapped, "own generator", "numpy", "same mask", "one mask for all layers", "its own noise")
variants("batch_mixing", wrapped, "rows in fours")
variants("batch_parts", wrapped, "rows in fours")
variants("dtype", wrapped, "double")


class Plain(Model):
    """A model of a class of its own, without blocks: linears over means of the past."""

    what: str = ""
    dim: int = 16

    def build(self, signature: Signature) -> nn.Module:
        return PlainModel(self, signature)

    def card(self, model: nn.Module) -> dict[str, Any]:
        return {}


class PlainModel(nn.Module):
    causal = True
    max_length = None

    def __init__(self, spec: Plain, signature: Signature) -> None:
        super().__init__()
        if spec.what == "seeded":
            torch.manual_seed(1234)
        self.embedding = nn.Embedding(signature.vocabulary, spec.dim)
        self.layers = nn.ModuleList(PlainLayer(spec) for _ in range(2))
        self.head = nn.Linear(spec.dim, signature.vocabulary)

    def forward(self, tokens: Tensor, lengths: Tensor | None = None) -> Tensor:
        x = self.embedding(tokens)
        for layer in self.layers:
            x = layer(x)
        return self.head(x.to(self.head.weight.dtype))


class PlainLayer(nn.Module):
    def __init__(self, spec: Plain) -> None:
        super().__init__()
        self.what, self.inner = spec.what, nn.Linear(spec.dim, spec.dim)

    def forward(self, x: Tensor) -> Tensor:
        if self.what == "wide product":
            return x + F.linear(x.float(), self.inner.weight.float()).to(x.dtype) + self.inner.bias
        past = x.cumsum(1) / torch.arange(1, x.shape[1] + 1, dtype=x.dtype)[:, None]
        added = self.inner(past.to(self.inner.weight.dtype))
        return x + (added.float() if self.what == "wide output" else added)


variants("dtype", lambda what: replace(small(Plain(what=what)), precision="bfloat16"), "wide output", "wide product")
variants("random_streams", lambda what: small(Plain(what=what)), "seeded")


class Task(Text):
    what: str

    def prepare(self) -> PreparedText:
        return PreparedWrong(self)


class PreparedWrong(PreparedText):
    def __init__(self, spec: Task) -> None:
        super().__init__(spec)
        self.what, self.last = spec.what, None

    def batch(self, seed: int, step: int, size: int, stage: int = 0) -> Batch:
        what = self.what
        if what == "seed ignored":
            return super().batch(0, step, size, stage)
        if what == "one batch":
            return super().batch(seed, 0, size, stage)
        if what == "seed plus step":
            starts = np.random.default_rng(seed + step).integers(len(self.encoded["train"]) - 33, size=size)
            rows = self._rows("train", starts, 32)
            tensors = {"inputs": rows[:, :-1], "targets": rows[:, 1:]}
            return replace(super().batch(seed, step, size, stage), tensors=tensors)
        if what == "one order":
            return (
                super().batch(seed, step % self._windows, size, stage) if size == 1 else super().batch(seed, step, size)
            )
        batch = super().batch(seed, step, size, stage)
        return replace(batch, scored=batch.scored // 2) if what == "scored wrongly" else batch

    def _starts(self, seed: int, epoch: int) -> Any:
        return super()._starts(seed, 0 if self.what == "one order" else epoch)

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        if self.what == "updates":
            with torch.no_grad():
                for p in model.parameters():
                    p.mul_(0.999)
        total, others = super().loss(model, batch)
        match self.what:
            case "bits":
                return total / math.log(2), others
            case "by length":
                return total / self.spec.length, others
            case "mean of rows":
                return total / len(batch.tensors["targets"]), others
            case "root":
                return total.sqrt(), others
            case "stale":
                accuracy = torch.zeros(())
                if self.last is not None:
                    with torch.no_grad():
                        accuracy = (model(self.last["inputs"]).argmax(-1) == self.last["targets"]).sum()
                self.last = batch.tensors
                return total, {"accuracy": accuracy}
            case "other targets":
                targets = torch.randint(256, batch.tensors["targets"].shape, generator=GENERATOR)
                logits = model(batch.tensors["inputs"])
                return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum"), {}
        return total, others


GENERATOR = torch.Generator()


def tasked(what: str) -> Experiment:
    return small(task=Task(path=str(TEXT), length=32, what=what))


variants("init_loss", tasked, "bits", "by length")
variants("batch_parts", tasked, "mean of rows", "root", "scored wrongly")
variants("evaluation_phase", tasked, "stale", "updates")
variants("random_streams", tasked, "seed ignored", "one batch", "one order", "seed plus step")


@fault("init_loss")
def an_untied_head_that_is_too_large() -> Experiment:
    return small(replace(small_model(), tied=False, head_init=Normal(scale=10.0)))


class Statistics(Norm):
    what: str

    def build(self, *, dim: int) -> nn.Module:
        return Running(self.what, dim)


class Running(nn.Module):
    keeps_float32 = True

    def __init__(self, what: str, dim: int) -> None:
        super().__init__()
        self.what = what
        self.norm = nn.BatchNorm1d(dim)

    def forward(self, x: Tensor) -> Tensor:
        if self.what == "in evaluation":
            return F.batch_norm(
                x.flatten(0, -2), self.norm.running_mean, self.norm.running_var, self.norm.weight, self.norm.bias, True
            ).view_as(x)
        return self.norm(x.flatten(0, -2)).view_as(x)


@fault("frozen")
def statistics_that_go_on_in_evaluation() -> Experiment:
    return layers(norm=Statistics(what="in evaluation"))


@fault("frozen")
def statistics_of_a_frozen_block_that_go_on() -> Experiment:
    return replace(layers(norm=Statistics(what="as it should")), freeze=("blocks.0",))


class Twin(MLP):
    def build(self, *, dim: int) -> ChannelMixer:
        return TwinFeedForward(self, dim)


class TwinFeedForward(FeedForward):
    def __init__(self, spec: MLP, dim: int) -> None:
        super().__init__(replace(spec, bias=False), dim)
        self.table = nn.Parameter(self.up.weight.data)  # the same memory under another parameter

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + F.linear(F.linear(x, self.table), self.down.weight)


@fault("frozen")
def a_frozen_tensor_that_shares_its_memory() -> Experiment:
    return replace(layers(channel=Twin()), freeze=("blocks.*.channel.table",))


@fault("memorises")
def targets_that_change_from_call_to_call() -> Experiment:
    return replace(small(task=Task(path=str(TEXT), length=32, what="other targets")), optim=SGD(lr=1.0))
