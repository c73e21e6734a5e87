"""docs/leak.md is typed, line by line: the model that sees the future is caught before its first step, and after it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from seqlab.journal import LabBook
from test_readme import ROOT, Step, check, steps

PAGE = list(steps((ROOT / "docs" / "leak.md").read_text()))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a reader types, with the page's file and its random text."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEQLAB_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("SEQLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    for step in PAGE:
        if step.typed.startswith("# leak.py\n"):
            (tmp_path / "leak.py").write_text(step.typed)
        elif step.language == "python":
            exec(compile(step.typed, "leak.md", "exec"), {"__name__": "leak"})
    return tmp_path


def commands() -> list[Step]:
    return [step for step in PAGE if step.language == "console"]


@pytest.mark.usefixtures("folder")
def test_nothing_is_trained() -> None:
    check(commands()[0])
    assert LabBook().runs() == []


@pytest.mark.slow
@pytest.mark.usefixtures("folder")
def test_the_page_is_true() -> None:
    for step in commands():
        check(step)
    leak, control = (LabBook().open(name).metrics.last["val/loss"] for name in ("leak", "control"))
    assert leak < 0.9 * math.log(32)
    assert control > 0.99 * math.log(32)
