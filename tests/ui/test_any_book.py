"""Whatever a lab book holds, its pages open: the one of these tests, or a copy of the one that SEQLAB_UI_BOOK names."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from seqlab.journal import LabBook

pytestmark = pytest.mark.ui

EACH = 12
"""Pages of one kind that are opened: of runs, of sweeps, and so on."""
FIRST = ("/", "/runs", "/runs?group=seeds", "/sweeps", "/live", "/plan", "/generations", "/benchmarks")
LINKS = """[...document.querySelectorAll('main a[href^="/"], main [data-href]')]
    .map(one => (one.dataset.href ?? one.getAttribute('href')).split('#')[0])"""


@pytest.fixture(scope="module")
def anywhere(
    lab: LabBook, tmp_path_factory: pytest.TempPathFactory, serve: Callable[[Path, Path], AbstractContextManager[str]]
) -> Iterator[str]:
    """The address of the lab book that is looked at."""
    asked = os.environ.get("SEQLAB_UI_BOOK")
    if not asked:
        root = lab.root
    else:
        root = tmp_path_factory.mktemp("book") / "runs"
        shutil.copytree(Path(asked), root, ignore=shutil.ignore_patterns("*.safetensors", "state.pt"))
    with serve(root, tmp_path_factory.mktemp("cache")) as address:
        yield address


@pytest.mark.parametrize("width", [1280, 390])
def test_every_kind_of_page_opens_and_fits(page: Any, anywhere: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    ahead, seen, kinds = list(FIRST), set(FIRST), dict[str, int]()
    while ahead:
        path = ahead.pop(0)
        answer = page.goto(anywhere + path)
        assert answer.status == 200, path
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        for link in page.evaluate(LINKS):
            kind = kind_of(link)
            if link not in seen and "/files/" not in link and kinds.get(kind, 0) < EACH:
                kinds[kind] = kinds.get(kind, 0) + 1
                seen.add(link)
                ahead.append(link)
    assert {"/runs/", "/compare", "/sweeps/"} <= kinds.keys()


def kind_of(link: str) -> str:
    """A path without the names in it: /runs//inside of /runs/calm-lake-1/inside."""
    parts = link.partition("?")[0].split("/")
    return "/".join(["", *("" if place == 2 else part for place, part in enumerate(parts) if place)])
