"""Settings of a user's parts: one that nothing reads fails; one that is read and makes no difference is only told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from exhibits import TEXT, small, with_mixer
from tasks_for_tests import finding

from seqlab.audits import Finding
from seqlab.experiment import Experiment
from seqlab.mixers import Mixer
from seqlab.spec import find
from seqlab.tasks import Task

FILE = Path(__file__).parent / "settings_of_a_user.py"


def of_mixer(name: str, **settings: Any) -> Experiment:
    mixer = find("mixers", f"{FILE}:{name}")(**settings)
    assert isinstance(mixer, Mixer)
    return with_mixer(mixer)


def told(experiment: Experiment) -> Finding:
    return finding("override_effect", experiment)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("Dropped", {"dropout": 0.0}),
        ("Dropped", {"dropout": 0.1}),
        ("Clamped", {"clamp": 30.0}),
        ("HandedOn", {"gain": 0.25}),
    ],
)
def test_a_setting_that_is_read_passes(name: str, settings: dict[str, Any]) -> None:
    found = told(of_mixer(name, **settings))
    assert found.status == "pass", found.message


def test_a_setting_of_speed_is_told_with_what_was_tried() -> None:
    found = told(of_mixer("Chunked"))
    assert found.status == "warn"
    assert "`model.layers.0.mixer.chunk` is read and changes nothing: with 32 or 65 or 128 in place of 64" in (
        found.message
    )


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_setting_that_nothing_reads_fails_though_its_spec_is_copied(precision: str) -> None:
    found = told(replace(of_mixer("Forgotten", heads_of_the_gate=4), precision=precision))
    assert found.status == "fail"
    assert "`model.layers.0.mixer.heads_of_the_gate`=4 is a dead setting" in found.message


def test_a_task_that_reads_all_its_settings_at_once_passes() -> None:
    task = find("tasks", f"{FILE}:TextOfAUser")(path=str(TEXT), length=32, margin=5)
    assert isinstance(task, Task)
    found = told(small(task=task))
    assert found.status == "pass", found.message
