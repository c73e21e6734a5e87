"""A part replaced by name has its own defaults, and what the old one had set is said, never lost in silence."""

import pytest
from parts_for_tests import Layer, Model, Trial

from seqlab.mixers.dln import DLN
from seqlab.models.tiled import Tiled
from seqlab.nn.inits.glorot import Glorot
from seqlab.nn.inits.normal import Normal
from seqlab.nn.memory import Memory
from seqlab.spec import Part, override, set_back

SET = Trial(
    model=Model(
        layers=(Layer(init=Normal(scale=0.5)), Layer(init=Normal(scale=0.5)), Layer()),
        extra=Glorot(scale=3.0),
        laws=(Normal(scale=0.5), Glorot(scale=3.0), Glorot()),
    )
)


def said(*changes: str, before: Part = SET) -> list[str]:
    return set_back(before, override(before, changes), changes)


@pytest.mark.parametrize(
    ("changes", "lost"),
    [
        (["lr=0.1"], None),
        (["model.layers.2.init=glorot"], None),
        (["model.layers.all.init=glorot"], "scale=0.5, now 1.0"),
        (["model.layers.0.init=normal"], "scale=0.5, now 0.02"),
        (["model.layers.1:.init=glorot", "model.layers.1:.init.scale=2"], None),
        (["model.extra=none"], None),
        (["model.laws=normal"], "scale=0.5, now 0.02"),
        (["model.laws=glorot,normal"], "scale=0.5, now 0.02; scale=3.0, now 1.0"),
        (["model.laws=normal", "model.laws.0.scale=0.02"], None),
        (["model.laws=none"], None),
    ],
)  # fmt: skip
def test_what_is_lost_is_said_once(changes: list[str], lost: str | None) -> None:
    told = [f"`{changes[0]}` has its own defaults, and loses {lost}."] if lost else []
    assert said(*changes) == told


@pytest.mark.parametrize(
    ("given", "lost"),
    [
        ([], "memory.trained=false, now true; memory.longest_horizon=5000.0, now 1000.0"),
        (["mixers.0.memory.trained=false"], "memory.longest_horizon=5000.0, now 1000.0"),
        (["mixers.all.memory.longest_horizon=1000"], "memory.trained=false, now true"),
        (["mixers.0.memory.trained=false", "mixers.0.memory.longest_horizon=1000"], None),
    ],
)
def test_a_part_within_is_told_by_the_fields_that_differ(given: list[str], lost: str | None) -> None:
    before = Tiled(mixers=(DLN(memory=Memory(trained=False, longest_horizon=5000.0)),))
    told = [f"`mixers=dln` has its own defaults, and loses {lost}."] if lost else []
    assert said("mixers=dln", *given, before=before) == told
