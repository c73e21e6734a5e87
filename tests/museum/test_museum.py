"""Every accident of the notebooks, planted: a default audit catches each, and says what it comes from."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import ModuleType

import pytest
from exhibits import small

from seqlab.audits.shared.gate import Result, defaults, examine
from seqlab.audits.shared.subject import Subject
from seqlab.experiment import Experiment
from seqlab.train.start import prepare

NOT_EXHIBITS = ("exhibits", "conftest")
EXHIBITS = sorted(
    path.stem
    for path in Path(__file__).parent.glob("*.py")
    if path.stem not in NOT_EXHIBITS and not path.stem.startswith("test_")
)


def exhibit(name: str) -> ModuleType:
    return importlib.import_module(name)


def audited(experiment: Experiment, name: str, planted: ModuleType | None = None) -> Result:
    """The result of one of the default audits before training."""
    subject = Subject(prepare(experiment).training)
    if planted is not None and hasattr(planted, "step"):
        subject.step = planted.step
    (result,) = examine(subject, {name: defaults(subject)[name]})
    return result


@pytest.mark.parametrize("name", EXHIBITS)
def test_the_fault_is_caught_and_named(name: str) -> None:
    planted = exhibit(name)
    result = audited(planted.faulty(), planted.CAUGHT_BY, planted)
    assert result.status == "fail", result.sentence()
    assert re.search(planted.SAYS, result.finding.message), result.sentence()


@pytest.mark.parametrize("name", [name for name in EXHIBITS if hasattr(exhibit(name), "healthy")])
def test_the_same_without_the_fault_is_believed(name: str) -> None:
    result = audited(exhibit(name).healthy(), exhibit(name).CAUGHT_BY)
    assert result.status == "pass", result.sentence()


def test_the_experiment_that_they_start_from_is_believed() -> None:
    subject = Subject(prepare(small()).training)
    for result in examine(subject, defaults(subject)):
        assert result.status == "pass", result.sentence()
