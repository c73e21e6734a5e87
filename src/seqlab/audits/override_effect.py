"""Does a setting do what it says? A learning rate that never took effect stood in a notebook as a finding."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from seqlab.audits import Audit, Finding, Stage, failed, passed, warned
from seqlab.audits.shared.reads import Setting, declared, given, mentioned, parts_in, reading, takes_all, varied
from seqlab.audits.shared.subject import Subject, wake
from seqlab.audits.shared.trainees import (
    at_peak,
    captured_gradient,
    is_same,
    rates,
    rows_for,
    trained_weights,
    trainee,
    updates,
)
from seqlab.experiment import Experiment
from seqlab.methods import Draws
from seqlab.optim.groups import parameter_groups
from seqlab.regularisers import Regulariser
from seqlab.spec import Field, SpecError, label
from seqlab.train.training import Training, fresh_weights, seed_generators

__all__ = ["OverrideEffect"]

PLENTY = 1000
"""Steps over which every part of a schedule is asked."""
LEAST_RATE = 1e-4
"""A smaller rate is tried as this one: its steps would be lost in the rounding of the weights."""


class OverrideEffect(Audit):
    """The learning rate, the schedule, weight decay and penalties change a step; no setting is left unread.

    Two steps are taken from one state, with and without a change of one setting, and compared bit by bit.
    """

    variations: int = Field(default=4, ge=0)
    """How many numbers of parts from a user's file are varied, at most, to see whether the model changes."""

    stages: ClassVar[tuple[Stage, ...]] = ("before",)
    depends_on: ClassVar[tuple[str, ...]] = (
        "model", "task", "optim", "schedule", "methods", "regularisers", "freeze", "budget", "seed",
    )  # fmt: skip
    is_of_structure: ClassVar[bool] = True

    def examine(self, subject: Subject) -> Finding:
        if told := _breaks(subject):
            return failed(told)
        optim = _visible(subject)
        with reading() as read:
            plain = _stepped(subject, optim=optim)
            _touch(subject, plain[0])
        for told in (*_of_rates(subject, plain), *_of_decay(subject, plain), *_of_penalties(subject)):
            return failed(told, without_effect=1, limit=0)
        unread = list(_unread(subject.experiment, read))
        for tell, is_own in ((failed, True), (warned, False)):
            for told in (sentence for sentence, of_a_user in unread if of_a_user == is_own):
                return tell(told, without_effect=len(unread), limit=0)
        for told in self._idle(subject):
            return warned(told, without_effect=1, limit=0)
        return passed("the learning rate and every setting that is given take effect", without_effect=0, limit=0)

    def _idle(self, subject: Subject) -> Iterator[str]:
        """Numbers of a user's parts that the model reads, and that make no difference."""
        tried: set[Setting] = set()
        for path, part in parts_in(subject.experiment.model, "model"):
            for name in sorted(declared(type(part))):
                value, setting = getattr(part, name), (type(part), name)
                if setting in tried or len(tried) >= self.variations or not isinstance(value, bool | int | float):
                    continue
                tried.add(setting)
                if in_vain := _tried_in_vain(subject, setting, value):
                    yield (
                        f"`{path}.{name}` is read and changes nothing: with {' or '.join(map(str, in_vain))} in place "
                        f"of {value} the fresh model has the same weights and outputs, bit for bit; right for what is "
                        "for speed, or for a bound that is not reached, and else a setting that is lost on its way."
                    )


Stepped = tuple[Training, dict[str, Tensor]]
"""A training after one step, and how far each weight moved."""


def _stepped(subject: Subject, change: Callable[[Training], None] | None = None, **changes: Any) -> Stepped:
    t = at_peak(
        trainee(
            subject,
            rows=rows_for(subject, 2),
            awake=True,
            **{"methods": (), "regularisers": (), "clip": None, **changes},
        )
    )
    if change is not None:
        change(t)
    before = trained_weights(t)
    with subject.drawing("override_effect"):
        subject.step(t)
    return t, updates(t, before)


def _breaks(subject: Subject) -> str | None:
    """What is wrong where the loop cannot take a step at all."""
    t = at_peak(trainee(subject, rows=rows_for(subject, 2), methods=()))
    if any("initial_lr" not in group for group in t.optimiser.param_groups):
        return (
            f"`optim.lr` and the schedule cannot take effect: {label(type(subject.experiment.optim))} makes groups of "
            "its own, without `initial_lr`; `build` must hand on the groups that it is given."
        )
    try:
        with subject.drawing("override_effect"):
            subject.step(t)
    except Exception as error:
        return f"a step of the training breaks: {type(error).__name__}: {error}."
    return None


def _visible(subject: Subject) -> Any:
    """The optimiser with a rate that no rounding hides."""
    optim = subject.experiment.optim
    return replace(optim, lr=max(optim.lr, LEAST_RATE))


def _of_rates(subject: Subject, plain: Stepped) -> Iterator[str]:
    """Faults of the learning rate: from `optim.lr` to the optimiser, through the schedule, to the step."""
    optim, (t, moved) = _visible(subject), plain
    if not any(step.any() for step in moved.values()):
        rate = max(rate for _, rate in rates(t).values())
        if rate > 0:
            yield f"a step at the rate {rate:g} changes no weight: the optimiser is not called, or does nothing."
        return
    other, other_moved = _stepped(subject, optim=replace(optim, lr=2 * optim.lr))
    base, doubled = rates(t), rates(other)
    follow = [name for name in base if doubled.get(name, base[name])[0] != base[name][0]]
    if follow and not any(doubled[name][1] != base[name][1] for name in follow):
        schedule = label(type(t.experiment.schedule))
        yield f"`optim.lr` has no effect: {schedule} ignores the rate that it is to scale, or is never asked."
        return
    if not follow or is_same(_only(moved, follow), _only(other_moved, follow)):
        yield (
            f"`optim.lr` has no effect: with {2 * optim.lr:g} in place of {optim.lr:g} the same step is taken, bit for "
            "bit; the rate is written into the optimiser, or is put back after it was set."
        )
        return
    _, scaled_moved = _stepped(subject, _double_base, optim=optim)
    if is_same(_only(moved, follow), _only(scaled_moved, follow)):
        yield (
            "the schedule has no effect on the step: the optimiser keeps the rate that it was built with, whatever the "
            "schedule sets."
        )


def _double_base(t: Training) -> None:
    for group in t.optimiser.param_groups:
        group["initial_lr"] *= 2


def _of_decay(subject: Subject, plain: Stepped) -> Iterator[str]:
    optim, (t, moved) = _visible(subject), plain
    groups = parameter_groups(t.model, optim)
    if not any(p.any() for group in groups if group["weight_decay"] for p in group["params"]):
        return
    _, other = _stepped(subject, optim=replace(optim, weight_decay=1000 * optim.weight_decay))
    if is_same(moved, other):
        yield (
            f"`optim.weight_decay`={optim.weight_decay:g} has no effect: with a thousand times as much the same step "
            "is taken, bit for bit."
        )
    elif sum(float(((other[n] - moved[n]) * w).sum()) for n, w in trained_weights(t).items() if n in other) > 0:
        yield "`optim.weight_decay` makes weights grow: with more of it they move away from 0; its sign is wrong."


def _of_penalties(subject: Subject) -> Iterator[str]:
    for index, regulariser in enumerate(subject.experiment.regularisers):
        if regulariser.strength == 0:
            continue
        stronger = replace(regulariser, strength=1e4 * regulariser.strength)
        found = [_gradient_with(subject, penalties) for penalties in ((), (stronger,))]
        if is_same(*found):
            yield (
                f"`regularisers.{index}` ({label(type(regulariser))}) has no effect: the gradient is the same without "
                "it; its penalty is not connected to the weights, or is never added."
            )
        elif (near := _penalty(subject, regulariser, 1.0)) < 0 and _penalty(subject, regulariser, 10.0) < near:
            yield (
                f"`regularisers.{index}` ({label(type(regulariser))}) rewards what it is to punish: its penalty is "
                f"{near:.3g}, and further below 0 where the weights are ten times as large; its sign is wrong."
            )


def _penalty(subject: Subject, regulariser: Regulariser, scale: float) -> float:
    """The penalty on weights that are so many times the fresh ones."""
    weights = {n: p.detach() for n, p in subject.training.model.named_parameters() if p.requires_grad}
    reference = {} if regulariser.compares_with() == "nothing" else weights
    with torch.no_grad():
        return float(regulariser.penalty({name: scale * p for name, p in weights.items()}, reference))


def _gradient_with(subject: Subject, penalties: tuple[Any, ...]) -> dict[str, Tensor]:
    t = at_peak(trainee(subject, rows=rows_for(subject, 2), awake=True, methods=(), clip=None, regularisers=penalties))
    with subject.drawing("penalties"), torch.no_grad():
        for p in t.model.parameters():
            p.add_(0.01 * torch.randn(p.shape, dtype=p.dtype).to(p.device))  # away from what a penalty may compare with
    with subject.drawing("override_effect"):
        return captured_gradient(t, subject.step)


def _touch(subject: Subject, t: Training) -> None:
    """Use what a plain step leaves out: penalties, methods, evaluation mode."""
    own = trainee(subject, rows=rows_for(subject, 2))
    trainable = {name: p for name, p in own.model.named_parameters() if p.requires_grad}
    initial = {name: p.detach() for name, p in trainable.items()}
    for regulariser in own.experiment.regularisers:
        regulariser.penalty(trainable, initial if regulariser.compares_with() != "nothing" else {})
    for index, method in enumerate(own.experiment.methods):
        method.due(1, 1)
        draws = Draws(torch.Generator(t.device), lambda: fresh_weights(own, "audits/override"))
        with suppress(Exception), subject.drawing("touch"):  # a method that breaks is method_effect's to tell
            seen = {name: torch.randn(2, len(initial[layer.incoming])) for name, layer in own.units.items()}
            statistics = method.observe(own.method_statistics[index], seen, own.units)
            method.change(initial, {}, statistics, draws, own.units)
    subject.output(own.model.eval(), subject.inputs())
    for horizon in {t.steps or PLENTY, PLENTY}:  # in a run of a few steps a part of a schedule may never come
        for step in range(0, horizon, max(1, horizon // 100)):
            t.experiment.schedule.lr(1.0, step, horizon, t.schedule_memory)


def _unread(experiment: Experiment, read: set[Setting]) -> Iterator[tuple[str, bool]]:
    """Settings that nobody reads, and whether they are of a part of a user's own: given ones of any part, and all that
    a user's part declares and never mentions."""
    roots = {name: getattr(experiment, name) for name in ("model", "optim", "schedule", "methods", "regularisers")}
    told: set[Setting] = set()
    for root, value in {**roots, "task": experiment.task}.items():
        for path, part in parts_in(value, root):
            cls = type(part)
            dead = declared(cls) - mentioned(cls)
            if root != "task":
                dead = {name for name in dead | given(part) if not _is_read(cls, name, read)}
            elif takes_all(cls):
                dead = set()
            for name in sorted(dead):
                if (cls, name) not in told:
                    told.add((cls, name))
                    told_now = f"`{path}.{name}`={getattr(part, name)!r} is a dead setting: nothing reads it when the "
                    yield f"{told_now}experiment is built and takes a step.", not _ships(cls)


def _ships(cls: type[Any]) -> bool:
    """Whether a part is one of seqlab's, whose settings may stand unread for another value of a neighbour."""
    return cls.__module__.startswith("seqlab.")


def _is_read(cls: type[Any], name: str, read: set[Setting]) -> bool:
    return (cls, name) in read or name in ("every_steps", "every_tasks")


def _tried_in_vain(subject: Subject, setting: Setting, value: float) -> list[float]:
    """Other values of a setting that the model may have, if it is bit for bit the same with all of them; else []."""
    first = _behaviour(subject, subject.experiment.model)
    tried: list[float] = []
    for other in _others(value):
        try:
            found = _behaviour(subject, varied(subject.experiment.model, setting, other))
        except (SpecError, ValueError, RuntimeError, TypeError):
            continue  # a value that cannot be shows nothing
        tried.append(other)
        if not is_same(first, found):
            return []
    return tried


def _others(value: float) -> tuple[float, ...]:
    """Values to try in place of one; far ones for a bound, which nearly all values are within."""
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, int):
        return tuple(sorted({2 * value, value + 1, value // 2} - {value}))
    return tuple(value * factor for factor in (2, 0.5, 1000, 0.001)) if value else (0.5, 1.0)


def _behaviour(subject: Subject, spec: Any) -> dict[str, Tensor]:
    """The weights that a spec draws, and what they make of an input, in training and in evaluation mode."""
    t = subject.training
    with torch.random.fork_rng(devices=[]):
        seed_generators(subject.experiment.seed, "init")
        model: nn.Module = spec.build(t.task.signature).to(t.device)
    weights = {name: p.detach().clone() for name, p in model.named_parameters()}
    with subject.drawing("awake"):
        wake(model)
    outputs = {
        str(mode): subject.output(model.train(mode), tuple(x.to(t.device) for x in subject.inputs()))
        for mode in (True, False)
    }
    return weights | outputs


def _only(tensors: dict[str, Tensor], names: list[str]) -> dict[str, Tensor]:
    return {name: tensors[name] for name in names if name in tensors}
