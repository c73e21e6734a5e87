"""Is a restored optimiser the one that was saved? One silently started afresh, another undid a new learning rate."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from seqlab.audits import Audit, Finding, Stage, failed, passed
from seqlab.audits.shared.subject import Subject
from seqlab.audits.shared.trainees import (
    at_peak,
    equals,
    is_same,
    rates,
    rows_for,
    total_norm,
    trained_weights,
    trainee,
    updates,
)
from seqlab.spec import Field, label
from seqlab.train.training import Training

__all__ = ["OptimiserState"]

SMALLER = 0.1
"""Factor on the learning rate that is set beside a restored state."""


class OptimiserState(Audit):
    """The optimiser's state, saved and loaded, takes the very steps that the old one takes, at the new one's rate."""

    follows: float = Field(default=0.5, gt=0, lt=1)
    """Largest size of an update at a tenth of the rate, as a share of the update at the old rate."""

    stages: ClassVar[tuple[Stage, ...]] = ("before",)
    depends_on: ClassVar[tuple[str, ...]] = (
        "model",
        "task",
        "optim",
        "schedule",
        "freeze",
        "clip",
        "regularisers",
        "budget",
        "batch",
        "seed",
    )
    is_of_structure: ClassVar[bool] = True

    def examine(self, subject: Subject) -> Finding:
        old = _trainee(subject)
        for _ in range(2):
            _step(subject, old)
        saved, weights = _through_a_file(old.optimiser.state_dict()), _copied(old.model.state_dict())
        heir = _heir(_trainee(subject), old, weights)
        heir.optimiser.load_state_dict(_through_a_file(saved))
        name = label(type(subject.experiment.optim))
        held = _tensors(saved)
        lost = [key for key, value in held.items() if not _holds(_tensors(heir.optimiser.state_dict()), key, value)]
        measured: dict[str, Any] = {"tensors": len(held), "lost": len(lost), "limit": 0}
        if lost:
            what = "nothing" if len(lost) == len(held) else f"{len(held) - len(lost)} of {len(held)} tensors"
            return failed(
                f"a saved state of {name} restores {what}: `{lost[0]}` is not what was saved; load_state_dict does "
                "nothing, or the state is kept under keys (objects, addresses) that a new process does not have.",
                **measured,
            )
        return self._judge_steps(subject, old, heir, saved, weights, measured)

    def _judge_steps(
        self,
        subject: Subject,
        old: Training,
        heir: Training,
        saved: dict[str, Any],
        weights: dict[str, Tensor],
        measured: dict[str, Any],
    ) -> Finding:
        name = label(type(subject.experiment.optim))
        new = _heir(_trainee(subject, SMALLER), old, weights)
        new.optimiser.load_state_dict(_inherited(new.optimiser.state_dict(), _through_a_file(saved)))
        went_on, restored, slower = (_moved(subject, t) for t in (old, heir, new))
        if not is_same(went_on, restored):
            return failed(
                f"{name} restored from its saved state takes another step than the one that went on: part of what it "
                "remembers is not in state_dict(), so its moments start afresh.",
                **measured,
            )
        before, after = rates(heir), rates(new)
        follow = [key for key in before if after[key][0] != before[key][0] and restored[key].any()]
        if not follow:
            return passed("the state is restored bit for bit", **measured)
        size = total_norm([slower[key] for key in follow]) / total_norm([restored[key] for key in follow])
        rate = max(after[key][1] / before[key][1] for key in follow if before[key][1])
        known = {name: value for name, value in measured.items() if name != "limit"}
        measured = {"update_at_a_tenth": size, "limit": self.follows, "rate_in_force": rate, **known}
        if size > self.follows or rate > self.follows:
            return failed(
                f"the restored state of {name} undoes a new learning rate: a tenth of `optim.lr` gives {rate:.2g} of "
                f"the rate in force and an update of {size:.2g} of the old one's size; the rate is kept in the state.",
                **measured,
            )
        return passed("the state is restored bit for bit, and a new learning rate beside it takes effect", **measured)


def _trainee(subject: Subject, factor: float = 1.0) -> Training:
    optim = subject.experiment.optim
    return at_peak(
        trainee(subject, rows=rows_for(subject, 2), awake=True, methods=(), optim=replace(optim, lr=factor * optim.lr))
    )


def _step(subject: Subject, t: Training) -> None:
    """A step at the same place of the schedule and the data as before, so that only the optimiser's memory grows."""
    place = t.step
    with subject.drawing("optimiser_state"):
        subject.step(t)
    t.step = place


def _moved(subject: Subject, t: Training) -> dict[str, Tensor]:
    before = trained_weights(t)
    _step(subject, t)
    return updates(t, before)


def _heir(t: Training, old: Training, weights: Mapping[str, Tensor]) -> Training:
    """A new training with the weights and the place of an old one."""
    t.model.load_state_dict(weights)
    t.weights.publish()
    t.step = old.step
    return t


def _copied(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in weights.items()}


def _through_a_file(state: dict[str, Any]) -> dict[str, Any]:
    """A state as a checkpoint gives it back."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    loaded: dict[str, Any] = torch.load(file, weights_only=True)
    return loaded


def _inherited(own: dict[str, Any], saved: dict[str, Any]) -> dict[str, Any]:
    """A state dict with its own settings and the saved moments, by the parameters' paths: another rate can put the
    parameters into other groups, and so under other numbers."""
    numbers = {name: number for number, name in _named(own)}
    moments = {numbers[name]: saved["state"][number] for number, name in _named(saved) if number in saved["state"]}
    rest = {key: value for key, value in saved["state"].items() if not isinstance(key, int)}
    return {**own, "state": {**moments, **rest}}


def _named(state: dict[str, Any]) -> list[tuple[int, str]]:
    """The number and the path of each parameter of a state dict; numbers alone where an optimiser keeps no names."""
    return [
        (number, str(name))
        for group in state["param_groups"]
        for number, name in zip(group["params"], group.get("names", group["params"]), strict=True)
    ]


def _tensors(state: Any, path: str = "") -> dict[str, Tensor]:
    """All tensors of a state dict but for the groups' settings, by path."""
    if isinstance(state, Tensor):
        return {path: state}
    items = state.items() if isinstance(state, Mapping) else enumerate(state) if isinstance(state, list | tuple) else ()
    found: dict[str, Tensor] = {}
    for key, value in items:
        if key != "param_groups":
            found |= _tensors(value, f"{path}.{key}".lstrip("."))
    return found


def _holds(state: Mapping[str, Tensor], key: str, value: Tensor) -> bool:
    return key in state and equals(state[key], value)
