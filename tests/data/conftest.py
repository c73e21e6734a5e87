"""Every data test has a cache of its own, so none sees another's files or the user's."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("SEQLAB_CACHE", str(folder))
    return folder
