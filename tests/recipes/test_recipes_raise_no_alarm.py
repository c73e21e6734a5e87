"""No shipped recipe raises an alarm before training, whatever its seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqlab.audits.shared.gate import defaults, examine
from seqlab.audits.shared.subject import Subject
from seqlab.recipes import find_recipe, shipped
from seqlab.spec import override
from seqlab.train.start import prepare


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", shipped())
def test_every_default_audit_passes(name: str, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQLAB_CACHE", str(tmp_path))
    experiment = override(find_recipe(name).build(), {"seed": seed})
    subject = Subject(prepare(experiment, tmp_path).training)
    for result in examine(subject, defaults(subject)):
        assert result.status == "pass", result.sentence()
