"""No shipped recipe raises an alarm: before training whatever its seed, and of what little training makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from recipes_by_cost import recipes

import seqlab
from seqlab.audits.shared.gate import defaults, examine
from seqlab.audits.shared.subject import Subject
from seqlab.recipes import find_recipe
from seqlab.spec import override
from seqlab.train.start import prepare

OF_RESULTS = {"best_checkpoint", "collapse", "floors", "too_good"}
"""Alarms about results, which a few steps deserve."""
CHEAPEST = "demo:shakespeare"


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", recipes(whole=True))
def test_every_default_audit_passes(name: str, seed: int, tmp_path: Path) -> None:
    experiment = override(find_recipe(name).build(), {"seed": seed})
    subject = Subject(prepare(experiment, tmp_path).training)
    is_first = not seed  # what was found with another seed says nothing of this one
    for result in examine(subject, defaults(subject), use_cited=is_first):
        assert result.status == "pass", result.sentence()


def test_what_was_trained_passes_all_but_alarms_about_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQLAB_CACHE", str(tmp_path / "cache"))
    text = tmp_path / "text.txt"
    text.write_text("".join(f"line {number}: the quick fox; so {number * 7919 % 1000}.\n" for number in range(2000)))
    run = seqlab.run(override(find_recipe(CHEAPEST).build(), "budget.steps=4", f"task.path={text}"), runs=tmp_path)
    told = {found["name"]: found for found in run.audits["trained"]}
    assert told.keys() >= OF_RESULTS
    assert "causality" in told
    for name, found in told.items():
        assert found["status"] == "pass" or (name in OF_RESULTS and found["status"] == "warn"), found["message"]
