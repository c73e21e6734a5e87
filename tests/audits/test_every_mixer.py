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


BOTH_WAYS = [("hyena", "bidirectional=true"), ("longconv", "bidirectional=true"), ("attention", "causal=false")]


@pytest.mark.parametrize(("mixer", "setting"), BOTH_WAYS)
def test_a_mixer_that_sees_both_ways_is_told_by_its_own_setting(mixer: str, setting: str, tmp_path: Path) -> None:
    experiment = find_recipe("demo:letters").build()
    experiment = replace(experiment, model=replace(experiment.model, dim=16, layers=experiment.model.layers[:1]))
    experiment = override(experiment, f"model.layers.all.mixer={mixer}", f"model.layers.all.mixer.{setting}")
    subject = Subject(prepare(override(experiment, "task.length=8", "device=cpu"), tmp_path).training)
    (found,) = examine(subject, {"causality": defaults(subject)["causality"]})
    assert found.status == "fail"
    name, _, value = setting.partition("=")
    assert f"`model.layers.all.mixer.{name}={'false' if value == 'true' else 'true'}`" in found.sentence()
