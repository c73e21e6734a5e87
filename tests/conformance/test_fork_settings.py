"""Every setting of every shipped optimiser, mixer and filter: a fork takes it exactly when it changes two steps."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from seqlab.experiment import Budget, Experiment
from seqlab.journal import LabBook, Run
from seqlab.models import Block
from seqlab.spec import Part, SpecError, find, names, override
from seqlab.spec.override import field_types
from seqlab.train.checkpoint import CheckpointError
from seqlab.train.fork import fork
from seqlab.train.inherit import inherit, inheritable
from seqlab.train.load import experiment_of, pick_checkpoint
from seqlab.train.start import assembled
from seqlab.train.step import optimiser_step
from tiny_runs import carried_out, text, tiny, workplace

__all__ = ["text", "tiny", "workplace"]

PLACES = {"optim/optimisers": "optim", "mixers": "model.layers.0.mixer"}
FEWEST = 2
"""Settings of a part that at least are compared."""


def others(wanted: Any, value: Any) -> Iterator[str]:
    """Texts of other values that a field of this type may take."""
    origin, options = typing.get_origin(wanted), typing.get_args(wanted)
    if origin is typing.Annotated:
        yield from others(options[0], value)
    elif origin in (typing.Union, types.UnionType):
        for option in options:
            yield from others(option, value)
    elif origin is typing.Literal:
        yield from (str(option) for option in options if option != value)
    elif origin is tuple and isinstance(value, tuple) and all(isinstance(item, float) for item in value):
        yield ",".join(str(item / 2) for item in value)
    elif wanted is bool:
        yield str(not value).lower()
    elif wanted is int:
        yield from (str(other) for other in (1, 2, 3, 5) if other != value)
    elif wanted is float:
        yield from (str(other) for other in (0.3, 0.01, 3.0) if other != value)


def settings(part: Any, path: str) -> Iterator[tuple[str, list[str]]]:
    """Every field of a part and of the parts in it, with changes of it."""
    for name, wanted in field_types(type(part)).items():
        value = getattr(part, name)
        if isinstance(value, Part):
            yield from settings(value, f"{path}.{name}")
        else:
            yield f"{path}.{name}", [f"{path}.{name}={other}" for other in others(wanted, value)]


def after_two_steps(parent: Run, experiment: Experiment) -> dict[str, Tensor]:
    """The weights that an experiment makes of the parent's checkpoint."""
    checkpoint, _ = pick_checkpoint(parent, 2)
    t = assembled(experiment, LabBook()).training
    inherit(t, checkpoint, inheritable(experiment_of(parent), experiment))
    for _ in range(2):
        optimiser_step(t)
    return dict(t.model.state_dict())


def is_taken(parent: Run, change: str) -> bool:
    """Whether a fork takes a change; one that it refuses has no effect."""
    try:
        fork(parent, 2, [change], None, LabBook())
    except SpecError as error:
        if "did not take effect" not in str(error):
            raise
        return False
    return True


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in PLACES for name in names(kind)])
def test_a_setting_is_taken_exactly_when_it_changes_two_steps(kind: str, name: str, tiny: Experiment) -> None:
    part, path = find(kind, name)(), PLACES[kind]
    rest = tiny.model.layers[1]  # type: ignore[attr-defined]
    if kind == "mixers":
        tiny = replace(tiny, model=replace(tiny.model, layers=(Block(mixer=part, channel=rest.channel), rest)))
    else:
        tiny = replace(tiny, optim=part)
    parent = carried_out(replace(tiny, budget=Budget(steps=6), snapshots=replace(tiny.snapshots, keep_last=9)))[0]
    plain, compared = after_two_steps(parent, experiment_of(parent)), 0
    for _, changes in settings(part, path):
        for change in changes:
            try:
                weights = after_two_steps(parent, override(experiment_of(parent), change))
            except (SpecError, CheckpointError, ValueError):
                continue  # no value of this field, or one whose weights are others
            differ = any(not torch.equal(weights[key], plain[key]) for key in plain)
            assert is_taken(parent, change) == differ, change
            compared += 1
            break
    assert compared >= FEWEST
