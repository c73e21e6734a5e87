"""The tiny runs of tests/tiny_runs.py, for every test of this folder; the museum's exhibits can be imported, too."""

import sys
from pathlib import Path

import pytest
from audits_for_tests import times

from tiny_runs import text, tiny, workplace

sys.path.insert(0, str(Path(__file__).parent.parent / "museum"))

__all__ = ["text", "tiny", "workplace"]


@pytest.fixture(autouse=True)
def findings() -> None:
    """Each test finds what it finds by itself."""


@pytest.fixture(autouse=True)
def _forgotten() -> None:
    times.clear()
