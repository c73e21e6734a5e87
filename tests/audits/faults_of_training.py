"""Faults of training as a researcher may write them in a file of their own, beyond those of the museum."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from exhibits import TEXT, small, small_model
from torch import Tensor, nn
from torch.nn import functional as F

from seqlab.channels import ChannelMixer
from seqlab.channels.mlp import MLP, FeedForward
from seqlab.data.signature import Signature
from seqlab.experiment import Experiment
from seqlab.methods import Change, Draws, Method, Moments, Units
from seqlab.mixers import Mixer, SequenceMixer
from seqlab.mixers.attention import Attention
from seqlab.models import Block, Model
from seqlab.nn.inits.normal import Normal
from seqlab.nn.norms import Norm
from seqlab.optim.optimisers import Group, Optimiser
from seqlab.optim.optimisers.adamw import AdamW
from seqlab.optim.optimisers.sgd import SGD
from seqlab.optim.schedules import Memory, Schedule
from seqlab.regularisers import Regulariser
from seqlab.tasks import Batch
from seqlab.tasks.text import PreparedText, Text

FAULTS: list[tuple[str, Callable[[], Experiment]]] = []
"""The audit that must fail, and the experiment with the fault."""


def fault(audit: str) -> Callable[[Callable[[], Experiment]], Callable[[], Experiment]]:
    def add(make: Callable[[], Experiment]) -> Callable[[], Experiment]:
        FAULTS.append((audit, make))
        return make

    return add


def variants(audit: str, make: Callable[[str], Experiment], *what: str) -> None:
    """The same part, wrong in several ways."""
    FAULTS.extend((audit, functools.partial(make, each)) for each in what)


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


class Wrong(Optimiser):
    what: str

    def settings(self, hidden: bool) -> dict[str, Any]:
        return {"lr": 1e-3 if self.what == "settings" else self.lr}

    def build(self, groups: list[Group]) -> torch.optim.Optimizer:
        if self.what == "drops a group":
            groups = [{**groups[0], "params": groups[0]["params"][1:], "names": groups[0]["names"][1:]}, *groups[1:]]
        if self.what == "groups of its own":
            return torch.optim.AdamW([p for group in groups for p in group["params"]], lr=6e-4)
        return WrongSGD(groups, self.what)


class WrongSGD(torch.optim.Optimizer):
    def __init__(self, groups: list[Group], what: str) -> None:
        super().__init__(groups, {})
        self.what = what
        self.rates = [group["lr"] for group in groups]
        self.hidden: dict[Any, Tensor] = {}

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for rate, group in zip(self.rates, self.param_groups, strict=True):
            rate = rate if self.what == "captured" else group["lr"]
            for p in (p for p in group["params"] if p.grad is not None):
                if self.what == "uphill":
                    p.add_(rate * p.grad)
                    continue
                if self.what == "does nothing":
                    continue
                kept = self.state[p] if self.what != "hidden" else self.hidden.setdefault(p, {})
                kept.setdefault("m", torch.zeros_like(p)).mul_(0.9).add_(p.grad)
                kept.setdefault("rate", torch.tensor(rate))
                p.sub_((kept["rate"] if self.what == "in the state" else rate) * kept["m"])

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        if self.what != "loads nothing":
            super().load_state_dict(state_dict)


def optimised(what: str) -> Experiment:
    return replace(small(), optim=Wrong(lr=0.1, what=what))


variants("override_effect", optimised, "settings", "captured", "does nothing", "groups of its own")
variants("gradient_flow", optimised, "drops a group")
variants("optimiser_state", optimised, "hidden", "in the state", "loads nothing")
variants("memorises", optimised, "uphill")


class Stubborn(Schedule):
    def lr(self, base: float, step: int, steps: int, memory: Memory) -> float:
        return 1e-3


@fault("override_effect")
def a_schedule_that_ignores_its_base() -> Experiment:
    return replace(small(), schedule=Stubborn())


class NoDecay(SGD):
    def build(self, groups: list[Group]) -> torch.optim.Optimizer:
        return super().build([{**group, "weight_decay": 0.0} for group in groups])


@fault("override_effect")
def a_weight_decay_that_is_dropped() -> Experiment:
    return replace(small(), optim=NoDecay(weight_decay=0.1))


class GrowingSGD(torch.optim.SGD):
    def step(self, closure: Any = None) -> Any:
        with torch.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    p.mul_(1 + group["lr"] * group["growth"])
        return super().step(closure)


class Growing(SGD):
    def build(self, groups: list[Group]) -> torch.optim.Optimizer:
        return GrowingSGD([{**group, "growth": group["weight_decay"], "weight_decay": 0.0} for group in groups])


@fault("override_effect")
def a_weight_decay_that_makes_weights_grow() -> Experiment:
    return replace(small(), optim=Growing(lr=0.1, weight_decay=0.1))


class Rewarding(Regulariser):
    def penalty(self, parameters: Mapping[str, Tensor], reference: Mapping[str, Tensor]) -> Tensor:
        return -self.strength * sum((p.square().sum() for p in parameters.values()), torch.zeros(()))


@fault("override_effect")
def a_penalty_that_rewards() -> Experiment:
    return replace(small(), regularisers=(Rewarding(strength=0.1),))


class Shaped(Schedule):
    what: str

    def lr(self, base: float, step: int, steps: int, memory: Memory) -> float:
        match self.what:
            case "by the clock":
                return base * (time.perf_counter() % 1)
            case "below 0":
                return base * (1 - 2 * step / steps)
        return base * min(1.0, step / 1000)


variants("rate_schedule", lambda what: replace(small(), schedule=Shaped(what=what)), "by the clock", "below 0")


class Detached(Regulariser):
    def penalty(self, parameters: Mapping[str, Tensor], reference: Mapping[str, Tensor]) -> Tensor:
        total = sum((p.detach().square().sum() for p in parameters.values()), torch.zeros(()))
        return self.strength * total.requires_grad_()


@fault("override_effect")
def a_penalty_that_is_not_connected() -> Experiment:
    return replace(small(), regularisers=(Detached(strength=0.1),))


class Momentum(AdamW):
    nesterov: bool = False


@fault("override_effect")
def a_setting_of_an_optimiser_that_nothing_reads() -> Experiment:
    return replace(small(), optim=Momentum(nesterov=True))


class WrongMethod(Method):
    what: str
    every_steps: int | None = 5

    def due(self, updates: int, tasks: int | None) -> bool:
        return self.what != "never due" and super().due(updates, tasks)

    def change(
        self,
        weights: Mapping[str, Tensor],
        moments: Moments,
        statistics: Mapping[str, Tensor],
        draws: Draws,
        units: Mapping[str, Units],
    ) -> Change:
        new = {path: 0.9 * w for path, w in weights.items()}
        match self.what:
            case "nothing":
                new = {}
            case "everything":
                new = dict(draws.fresh())
            case "the head":
                new = {"head.weight": draws.fresh()["head.weight"]}
            case "moments":
                zero = {path: {key: torch.zeros_like(x) for key, x in kept.items()} for path, kept in moments.items()}
                report = {"changed": torch.tensor(0), "change_norm": torch.tensor(0.0)}
                return Change(moments=zero, report=report)
            case "noise from elsewhere":
                new = {path: w + 0.01 * torch.randn_like(w) for path, w in weights.items()}
            case "one noise":
                state = draws.generator.get_state()
                for path, w in weights.items():
                    draws.generator.set_state(state)
                    new[path] = w + 0.01 * torch.randn(w.shape, generator=draws.generator)
        changed = sum(int((new[path] != weights[path]).sum()) for path in new)
        told = 3 if self.what == "lies" else changed
        return Change(weights=new, report={"changed": torch.tensor(told), "change_norm": torch.tensor(1.0)})


def acted_on(what: str) -> Experiment:
    return replace(small(), methods=(WrongMethod(what=what),))


variants("method_effect", acted_on, "never due", "nothing", "everything", "lies", "noise from elsewhere")
variants("random_streams", acted_on, "one noise")


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
