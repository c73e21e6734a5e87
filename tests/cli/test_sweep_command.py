"""`seqlab sweep` and `seqlab stop` of a sweep, end to end with one real worker."""

from __future__ import annotations

import json
import re

import pytest
from calling import Cli, Place

from seqlab.journal import LabBook
from seqlab.sweeps.record import Sweep

GRID = """
from dataclasses import replace

def grid():
    for lr in (0.01, 0.02):
        yield replace(tiny(), optim=replace(tiny().optim, lr=lr))
"""


def test_a_sweep_is_run_extended_and_told(cli: Cli, place: Place) -> None:
    """One worker, twice: four runs, then the two of another value."""
    said = cli(
        "sweep",
        place.recipe,
        "optim.lr=0.01,0.02",
        "clip=1",
        "--seeds",
        2,
        "--name",
        "rates",
        "--slots",
        1,
        "--tag",
        "grid",
    ).output
    assert "4 runs, 4 new" in said
    assert len(re.findall(r"^\d/4  rates-\d finished  optim\.lr=\S+ seed=\d$", said, re.MULTILINE)) == 4
    more = cli(
        "sweep", place.recipe, "optim.lr=0.01,0.03", "clip=1", "--seeds", 2, "--name", "rates", "--slots", 1, "--json"
    )
    told = json.loads(more.output)
    assert told["counts"] == {"finished": 6}
    assert [trial["run"] for trial in told["trials"]] == [f"rates-{number}" for number in range(1, 7)]
    book = LabBook(place.runs)
    assert book.open("rates-1").tags == ["grid"]
    assert (book.open("rates-6").folder / "source" / "recipes.py").is_file()
    listed = json.loads(cli("ls", "--where", "sweep=rates", "--json").output)
    assert len(listed) == 6
    assert "6 finished" in cli("sweep").output
    chosen = json.loads(cli("select", "rates", "--by", "min(val/loss)", "--json").output)
    assert [group["seeds"] for group in chosen["groups"]] == [2, 2, 2]


def test_a_dry_run_tells_the_cells_and_writes_nothing(cli: Cli, place: Place) -> None:
    before = place.files()
    said = cli("sweep", place.recipe, "optim.lr=0.05,0.06", "--seeds", 3, "--dry-run").output
    assert "2 cells, 6 runs" in said
    assert re.search(r"runs +6 of 1 structures, of which 1 were tried", said)
    costs = json.loads(cli("sweep", place.recipe, "clip=0.1..0.3", "--random", 4, "--dry-run", "--json").output)
    assert (costs["new"], costs["costs"]["runs"]) == (4, 4)
    assert place.files() == before


def test_what_can_be_in_no_pack_is_told(cli: Cli, place: Place) -> None:
    asked = ("sweep", place.recipe, "probes=none,lifetimes", "--pack", 2)
    told = "1 of 2 cells trains one run after the other, not packed: `probes.0` (probes/lifetimes) cannot be packed"
    assert told in cli(*asked, "--dry-run").output
    assert told in cli(*asked, "--name", "watched").output
    assert told in cli("sweep", "--continue", "watched", "--pack", 2).output
    assert "not packed" not in cli("sweep", "--continue", "watched").output


def test_a_function_yields_the_experiments(cli: Cli, place: Place) -> None:
    file = place.text.with_name("grid.py")
    file.write_text(place.text.with_name("recipes.py").read_text() + GRID)
    said = cli("sweep", f"{file}:grid", "--seeds", 2, "--dry-run").output
    assert re.search(r"2 cells, 4 runs\n +optim\.lr  new", said)
    assert "yields its experiments itself" in cli("sweep", f"{file}:grid", "clip=1,2", code=2).stderr


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["optim.lrr=1,2"], 1, "the cell optim.lrr=1: `optim.lrr`: .* has no field `lrr`"),
        (["optim.lr=0.1,high"], 1, "the cell optim.lr=high: `optim.lr=high`: input should be a valid number"),
        (["optim.lr=0.1,1e-1"], 1, "optim.lr=0.1 and optim.lr=1e-1 are the same experiment"),
        (["optim.lr=0.1,0.1"], 1, "has 0.1 twice"),
        (["seed=1,2"], 1, "`seed` is no knob"),
        (["optim.lr=0.1", "--seeds", "0"], 2, "0 is not in the range x>=1"),
        (["optim.lr=0.1", "--on", "slrm"], 1, "there is no engine `slrm` to run on"),
        (["optim.lr=0.1..0.2"], 1, "a range without a number of values"),
        (["batch.size=2,100000"], 1, "the cell batch.size=100000 cannot be run: .* do not fill a batch"),
    ],
)
def test_mistakes_cost_a_sentence_and_nothing_is_written(
    cli: Cli, place: Place, arguments: list[str], code: int, told: str
) -> None:
    before = place.files()
    said = cli("sweep", place.recipe, *arguments, "--name", "wrong", code=code).stderr
    assert re.search(told, " ".join(said.split()))
    assert place.files() == before


def test_a_name_that_means_another_sweep_is_refused(cli: Cli, place: Place) -> None:
    sweep = Sweep(LabBook(place.runs), "clips")
    from seqlab.recipes import find_recipe
    from seqlab.sweeps.cells import vary
    from seqlab.sweeps.declare import Declaration, declare

    declare(sweep, vary(find_recipe(place.recipe).build(), [{"clip": "1.5"}], [0]), Declaration())
    told = cli("sweep", place.recipe, "optim.lr=0.1", "--name", "clips", code=1).stderr
    assert "the sweep clips varies `clip` and this one `optim.lr`; name the same knobs" in told
    other = place.text.with_name("other.py")
    other.write_text(place.text.with_name("recipes.py").read_text().replace("dim=8", "dim=16"))
    told = cli("sweep", f"{other}:tiny", "clip=1.5", "--name", "clips", code=1).stderr
    assert "has a cell clip=1.5 already, whose experiment is another one (`model.dim`: 8 there, 16 here)" in told


def test_a_sweep_that_nobody_works_at_is_stopped_and_goes_on(cli: Cli, place: Place) -> None:
    told = cli("stop", "clips").output
    assert "clips has stopped; `seqlab sweep --continue clips` goes on" in told
    assert "no sweep 'clipz'" in cli("sweep", "--continue", "clipz", code=1).stderr
    assert "leave RECIPE and --name out" in cli("sweep", place.recipe, "--continue", "clips", code=2).stderr
