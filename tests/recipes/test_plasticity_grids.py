"""The grids of the notebook, as the page has them: every line is a sweep of as many cells as there."""

import math
import re
import shlex
from pathlib import Path

import pytest

from seqlab.recipes import find_recipe
from seqlab.spec import override
from seqlab.sweeps.grid import combinations, parse_knobs

PAGE = (Path(__file__).parents[2] / "docs" / "plasticity_grids.md").read_text()
CELLS = {
    "l3-rates": 6,
    "l3-l2": 7,
    "l3-l2-init": 7,
    "l3-shrink": 42,
    "l3-cbp": 8,
    "l3-redo": 30,
    "l3-snr": 36,
    "l3-snr-v2": 42,
    "l3-snr-v2-fine": 20,
    "l3-snr-v2-l2": 42,
    "l3-snr-v2-l2-star": 42,
}


def grids() -> dict[str, list[str]]:
    """Recipe and knobs by the name of the sweep."""
    found = {}
    for line in re.findall(r"^seqlab sweep (.*)$", PAGE, re.MULTILINE):
        words = shlex.split(line)
        found[words[words.index("--name") + 1]] = words[: words.index("--seeds")]
    return found


def test_all_grids_are_there() -> None:
    assert grids().keys() == CELLS.keys()


@pytest.mark.parametrize("name", CELLS)
def test_a_grid_has_the_notebooks_cells_and_each_can_be_built(name: str) -> None:
    recipe, *knobs = grids()[name]
    cells = combinations(parse_knobs(knobs))
    assert len(cells) == CELLS[name]
    base = find_recipe(recipe).build()
    for cell in (cells[0], cells[-1]):
        changed = override(base, cell)
        assert math.isfinite(changed.optim.lr)
        assert changed != base or cell == {"methods": "none", "optim.lr": "1e-3"}
