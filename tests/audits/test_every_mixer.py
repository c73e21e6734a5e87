"""No audit of a model raises an alarm at any shipped mixer with its default spec."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from seqlab.audits.shared.gate import defaults, examine
from seqlab.audits.shared.subject import Subject
from seqlab.recipes import find_recipe
from seqlab.spec import names, override
from seqlab.train.start import prepare

OF_OTHER_THINGS = {"metric_self_test", "optimiser_state", "overlap", "random_streams"}
"""What no mixer can change, and other tests look at."""


@pytest.mark.parametrize("name", names("mixers"))
def test_every_audit_of_the_model_passes(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo, small: two layers of width 16 on short inputs."""
    monkeypatch.setenv("SEQLAB_CACHE", str(tmp_path))
    experiment = find_recipe("demo:letters").build()
    experiment = replace(experiment, model=replace(experiment.model, dim=16, layers=experiment.model.layers[:2]))
    small = {"task.length": 32, "task.subset_bytes": 20_000, "batch.size": 4, "budget.steps": 20}
    experiment = override(experiment, small, f"model.layers.all.mixer={name}", "precision=float32", "device=cpu")
    subject = Subject(prepare(experiment, tmp_path).training)
    audits = {audit: one for audit, one in defaults(subject).items() if audit not in OF_OTHER_THINGS}
    assert [result.sentence() for result in examine(subject, audits) if result.status != "pass"] == []
