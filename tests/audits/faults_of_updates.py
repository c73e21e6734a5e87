"""Optimisers, schedules, penalties and methods that do not do what they say."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from exhibits import small
from planted_faults import fault, variants
from torch import Tensor

from seqlab.experiment import Experiment
from seqlab.methods import Change, Draws, Method, Moments, Units
from seqlab.optim.optimisers import Group, Optimiser
from seqlab.optim.optimisers.adamw import AdamW
from seqlab.optim.optimisers.sgd import SGD
from seqlab.optim.schedules import Memory, Schedule
from seqlab.regularisers import Regulariser


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
