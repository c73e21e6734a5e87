"""The golden files that a test runs over."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FOLDER = Path(os.environ.get("SEQLAB_GOLDEN", Path(__file__).parent / "data"))


def holding(pattern: str, *names: str) -> list[Any]:
    """The files of a pattern that hold all of some arrays, as parameters of a test; one that is skipped for none."""
    found = []
    for path in sorted(FOLDER.glob(pattern)):
        with np.load(path) as arrays:
            if set(names) <= set(arrays.files):
                found.append(pytest.param(path, id=path.stem))
    return found or [pytest.param(None, marks=pytest.mark.skip(reason=f"no {' '.join(names)} in {FOLDER}"))]
