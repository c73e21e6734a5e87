"""Sweeps whose runs were never trained: curves written straight into the record."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from seqlab.journal import LabBook


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test cuts the power; and each has a cache of its own."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setenv("SEQLAB_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def book(tmp_path: Path) -> LabBook:
    """An empty lab book."""
    return LabBook(tmp_path / "runs")
