"""A lab book, its server as a process of its own, and Debian's chromium."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "web"))
from lab_book import whole

from seqlab.journal import LabBook

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> LabBook:
    return whole(tmp_path_factory.mktemp("lab") / "runs")


@contextmanager
def served(runs: Path, cache: Path) -> Iterator[str]:
    """The address of a lab book, for as long as its server runs."""
    command = [sys.executable, "-m", "seqlab.cli.main", "web", "--runs", str(runs), "--port", "0", "--no-browser"]
    environment = os.environ | {"SEQLAB_CACHE": str(cache)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().split()[-1]
        finally:
            server.terminate()


@pytest.fixture(scope="session")
def serve() -> Callable[[Path, Path], AbstractContextManager[str]]:
    """`served`, for tests."""
    return served


@pytest.fixture(scope="session")
def address(lab: LabBook, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(lab.root, tmp_path_factory.mktemp("cache")) as found:
        yield found


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="make test-ui installs playwright")
    if not Path(CHROMIUM).exists():
        pytest.skip("make test-ui installs chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: object, address: str) -> Iterator[object]:
    """A page of a browser; whatever it complains about fails the test."""
    context = chromium.new_context(base_url=address, viewport={"width": 1280, "height": 900})  # type: ignore[attr-defined]
    found = context.new_page()
    said: list[str] = []
    found.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    found.on("pageerror", lambda error: said.append(str(error)))
    yield found
    context.close()
    assert said == []
