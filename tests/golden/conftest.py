"""Where the golden arrays lie: tests/golden/data, or the folder that SEQLAB_GOLDEN names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of the golden arrays."""
    return Path(os.environ.get("SEQLAB_GOLDEN", Path(__file__).parent / "data"))
