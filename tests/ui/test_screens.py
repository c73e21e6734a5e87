"""The pictures in docs/screens: every page of a lab book, wide and narrow, as a browser draws it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.ui

SCREENS = Path(__file__).parents[2] / "docs" / "screens"
LARGEST = 150_000
"""Bytes of a picture."""
PAGES = {
    "journal": "/", "runs": "/runs?sort=loss&column=optim.lr&q=optim.lr>=0.005", "run": "/runs/calm-lake-1",
    "inside": "/runs/calm-lake-1/inside",
    "compare": "/compare?run=calm-lake-1&run=calm-lake-2&run=quiet-hill-3",
    "seeds": "/runs?group=seeds&column=optim.lr",
    "sweep": "/sweeps/rates?by=last(train/loss)", "texts": "/generations?id=1&id=2", "plan": "/plan",
}  # fmt: skip


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", PAGES)
def test_a_picture_of_every_page(page: Any, name: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme="dark" if name == "compare" else "light")
    page.goto(PAGES[name])
    page.wait_for_load_state("networkidle")
    for chart in page.locator("figure.chart").all():
        chart.locator("canvas").wait_for()
    told = page.inner_text("main")
    assert not re.search(r"cannot be read|Not there|undefined|NaN", told)
    SCREENS.mkdir(exist_ok=True)
    place = SCREENS / f"{name}-{width}.png"
    page.screenshot(path=place)
    assert place.stat().st_size < LARGEST
