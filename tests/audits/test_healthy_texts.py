"""Healthy texts in every setting: no audit of data, metrics or evaluation raises an alarm, not even a warning."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seqlab.audits.shared.gate import chosen
from seqlab.audits.shared.subject import Subject
from seqlab.experiment import Batching, Experiment
from seqlab.train.start import prepare

LICENCE = str(Path(__file__).parent.parent.parent / "LICENSE")
AUDITS = ("target_alignment", "metric_self_test", "evaluation_mode", "overlap")


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"path": LICENCE, "length": 48},
        {"path": LICENCE, "length": 48, "symbols": "characters", "overlap": 0.0, "validation": 0.3, "test": 0.1},
        {"path": LICENCE, "length": 2, "subset_bytes": 5},
        {"path": LICENCE, "length": 32, "evaluation_length": 50, "subset_bytes": 100_000},
    ],
)
def test_a_healthy_text_raises_no_alarm(tiny: Experiment, settings: dict[str, Any]) -> None:
    subject = Subject(prepare(replace(tiny, task=replace(tiny.task, **settings))).training)
    for name, audit in chosen(AUDITS).items():
        found = audit.examine(subject)
        assert found.status == "pass", f"{name}: {found.message}"


@pytest.mark.parametrize(("size", "precision"), [(1, "float64"), (3, "bfloat16")])
def test_a_batch_of_any_size_and_dtype_raises_no_alarm(tiny: Experiment, size: int, precision: Any) -> None:
    experiment = replace(tiny, batch=Batching(size=size), precision=precision, averaging=0.9)
    subject = Subject(prepare(experiment).training)
    for name, audit in chosen(AUDITS).items():
        found = audit.examine(subject)
        assert found.status == "pass", f"{name}: {found.message}"
