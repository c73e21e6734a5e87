"""One lab book for the tests that change nothing of it, and its browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab_book import browser, whole
from starlette.testclient import TestClient

from seqlab.journal import LabBook


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test cuts the power, and none sees another one's cache."""
    monkeypatch.setenv("SEQLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabBook]:
    """For reading only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield whole(tmp_path_factory.mktemp("lab") / "runs")


@pytest.fixture
def reader(shared: LabBook) -> TestClient:
    return browser(shared)


@pytest.fixture
def book(tmp_path: Path) -> LabBook:
    """An empty one, to be written."""
    return LabBook(tmp_path / "runs")
