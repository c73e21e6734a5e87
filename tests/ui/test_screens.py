"""A picture of every page of a lab book, wide and narrow, as a browser draws it.

They go to a temporary folder; `make screens`, which sets SEQLAB_SCREENS, makes those of docs/screens anew.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab_book import FLOORS

from seqlab.journal import LabBook

pytestmark = pytest.mark.ui

LARGEST = 150_000
"""Bytes of a picture."""
PAGES = {
    "journal": "/", "runs": "/runs?sort=loss&column=optim.lr&q=optim.lr>=0.005", "run": "/runs/calm-lake-1",
    "inside": "/runs/calm-lake-1/inside",
    "compare": "/compare?run=calm-lake-1&run=calm-lake-2&run=quiet-hill-3",
    "seeds": "/runs?group=seeds&column=optim.lr",
    "sweep": "/sweeps/rates?by=last(train/loss)", "texts": "/generations?id=1&id=2", "plan": "/plan",
    "live": "/live", "benchmarks": "/benchmarks",
}  # fmt: skip


@pytest.fixture(scope="module")
def screens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pictures go."""
    asked = os.environ.get("SEQLAB_SCREENS")
    return Path(asked).resolve() if asked else tmp_path_factory.mktemp("screens")


@pytest.fixture(scope="module")
def _something_trains(lab: LabBook) -> Iterator[None]:
    """A run that goes on as long as pictures are taken."""
    run = lab.create({"seed": 0}, name="swift-brook-4", origin={"recipe": "demo:letters"}, why="does it go on falling?")
    with run.attempt() as attempt:
        attempt.summarise(step=60, steps=100, floors=FLOORS)
        for step in range(1, 61):
            loss = 2.0 + 3.0 / step
            attempt.log(step=step, **{"train/loss": loss, "val_subset/loss": loss + 0.1, "memory/bytes": 5e8})
        yield


@pytest.mark.usefixtures("_something_trains")
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", PAGES)
def test_a_picture_of_every_page(page: Any, screens: Path, name: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme="dark" if name == "compare" else "light")
    page.goto(PAGES[name])
    page.wait_for_load_state("networkidle")
    for chart in page.locator("figure.chart").all():
        chart.locator("canvas").wait_for()
    told = page.inner_text("main")
    assert not re.search(r"cannot be read|Not there|undefined|NaN", told)
    screens.mkdir(exist_ok=True)
    place = screens / f"{name}-{width}.png"
    page.screenshot(path=place)
    assert place.stat().st_size < LARGEST
