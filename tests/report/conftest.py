"""A small lab book of runs that nobody trained: two settings with two seeds each, and a fork."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from untrained import made

from seqlab.journal import LabBook, Run


@pytest.fixture(autouse=True)
def _a_place_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test cuts the power; each has a cache of its own."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setenv("SEQLAB_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def book(tmp_path: Path) -> LabBook:
    """An empty lab book."""
    return LabBook(tmp_path / "runs")


@pytest.fixture
def runs(book: LabBook) -> list[Run]:
    """Two learning rates, two seeds each."""
    return [
        made(book, "low-0", 3.0, 2.0, 1.0, seed=0, lr=0.1),
        made(book, "low-1", 3.0, 2.0, 1.2, seed=1, lr=0.1),
        made(book, "high-0", 3.0, 1.0, 0.5, seed=0, lr=0.3),
        made(book, "high-1", 3.0, 1.0, 0.6, seed=1, lr=0.3),
    ]


@pytest.fixture
def fork(book: LabBook, runs: list[Run]) -> Run:
    """Of the first run, at its second step."""
    parent = {"kind": "fork", "run": "low-0", "run_id": runs[0].id, "step": 2, "inherited": ["weights", "progress"]}
    return made(book, "fork-0", 0.9, 0.8, lr=0.2, why="Is <b>less</b> more?", parent=parent)
