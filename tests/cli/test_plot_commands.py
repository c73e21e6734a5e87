"""`seqlab plot` and `seqlab compare`, and the canvas they draw on."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest
from calling import Cli, Place, call

from seqlab.cli.canvas import canvas, frame_of
from seqlab.cli.figure import smoothed
from seqlab.journal import LabBook


def test_a_falling_line_falls_and_a_gap_is_left() -> None:
    points = [(float(x), 10.0 - x) for x in range(11)]
    lines = canvas({"down": points}, frame_of([points]), 40, 5)
    assert lines[0].split("┤")[1][0] == "o"
    assert lines[4].rstrip()[-1] not in "┤ "
    assert "o down" in lines[-1]
    gap = [(x, math.nan if 3 <= x <= 6 else y) for x, y in points]
    assert sum(map(len, "".join(canvas({"down": gap}, frame_of([gap]), 40, 5)[:5]).split())) < sum(
        map(len, "".join(lines[:5]).split())
    )


def test_two_curves_can_be_told_apart_and_floors_are_named() -> None:
    flat, high = [(0.0, 1.0), (9.0, 1.0)], [(0.0, 3.0), (9.0, 3.0)]
    text = "\n".join(canvas({"a": flat, "b": high}, frame_of([flat, high]), 60, 9, {"unigram": 2.0, "far": 9.0}))
    assert "o a   x b" in text
    assert "┄ unigram 2" in text
    assert "far" not in text, "a floor outside the window is not drawn"


def test_a_logarithmic_axis_leaves_out_what_has_no_logarithm() -> None:
    points = [(0.0, -1.0), (1.0, 1.0), (10.0, 100.0)]
    frame = frame_of([points], log_y=True)
    assert (frame.bottom, frame.top) == (1.0, 100.0)
    assert frame.place(10.0, 10.0, 2, 21) == (1, 10)
    assert frame.place(0.0, -1.0, 2, 21) is None


def test_a_mean_of_the_last_values() -> None:
    assert smoothed([1.0, 3.0, 5.0], 2) == [1.0, 2.0, 4.0]


def test_plot(cli: Cli, tmp_path: Path) -> None:
    said = cli("plot", "tiny").output
    assert said.startswith("val_subset/loss\n")
    assert "o tiny" in said
    assert "steps" in said
    assert "tokens" in cli("plot", "tiny", "--x", "tokens", "--metric", "train/loss", "--smooth", "2").output
    found = json.loads(cli("plot", "tiny", "--metric", "train/loss", "--json").output)
    assert found["curves"][0]["x"] == [1.0, 4.0]
    for ending in ("svg", "png"):
        file = tmp_path / f"curve.{ending}"
        assert f"wrote {file}" in cli("plot", "tiny", "--out", file).output
        assert file.stat().st_size > 1000


def test_compare(cli: Cli) -> None:
    cli("rerun", "tiny", "--name", "once-more")
    said = cli("compare", "tiny", "once-more").output
    assert "single seed each" in said
    rows = [line.split() for line in said.splitlines() if line.startswith("    ") and line.split()[-1] == "equal"]
    assert rows, "a rerun is nowhere ahead"
    assert all(row[1] == row[2] for row in rows)
    cli("fork", "tiny@4", "budget.steps=8", "optim.lr=0.1", "--name", "longer")
    told = cli("compare", "tiny", "longer", "--metric", "train/loss", "--at", "step", code=1).stderr
    assert "no range of train/loss in common" in told, "steps 1 to 4 and 5 to 8"


def test_bad_input(cli: Cli, tmp_path: Path) -> None:
    assert "no metric 'val/los'; it has val/loss, " in cli("plot", "tiny", "--metric", "val/los", code=1).stderr
    assert "a figure ends in .svg, .png, .pdf" in cli("plot", "tiny", "--out", tmp_path / "x.gif", code=1).stderr
    assert "there is no folder" in cli("plot", "tiny", "--out", tmp_path / "no" / "x.svg", code=1).stderr
    (tmp_path / "closed.svg").symlink_to(tmp_path / "no" / "x.svg")
    assert "cannot write" in cli("plot", "tiny", "--out", tmp_path / "closed.svg", code=1).stderr
    assert "each once" in cli("compare", "tiny", "tiny", "tiny", code=1).stderr
    assert "between 100 and inf" in cli("plot", "tiny", "--from", "100", code=1).stderr
    assert "two runs or more" in cli("compare", "tiny", code=1).stderr
    assert "one metric of one run" in call("plot", "tiny", "--lineage", "--x", "tokens").stderr
    assert "no run" in cli("compare", "tiny", "nobody", code=1).stderr


@pytest.mark.parametrize("axis", ["step", "tokens"])
def test_compare_at_one_axis(cli: Cli, axis: str) -> None:
    cli("rerun", "tiny", "--name", f"again-{axis}")
    found = json.loads(cli("compare", "tiny", f"again-{axis}", "--at", axis, "--json").output)
    assert list(found["equal"]) == [axis]


@pytest.fixture
def tainted(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LabBook:
    """A lab book of this test alone: `tiny`, and `heir`, which descends from `faulty`, archived with a bug."""
    runs = tmp_path / "tainted"
    for name in ("tiny", "heir", ".archive/faulty"):
        shutil.copytree(place.runs / "tiny", runs / name)
    (runs / "heir/parent.json").write_text(json.dumps({"run": "faulty", "step": 4}))
    monkeypatch.setenv("SEQLAB_RUNS", str(runs))
    book = LabBook(runs)
    book.open("faulty").note("the mask", "bug")
    return book


WHY = "it descends from faulty, whose verdict is bug"


def test_a_taint_is_seen_wherever_numbers_are_judged(cli: Cli, tainted: LabBook, tmp_path: Path) -> None:
    assert f"! heir is tainted: {WHY}" in cli("compare", "tiny", "heir").output
    assert f"heir is tainted: {WHY}" in json.loads(cli("compare", "tiny", "heir", "--json").output)["warnings"]
    said = cli("plot", "tiny", "heir").output
    assert "o tiny   x heir (tainted)" in said
    assert f"! heir is tainted: {WHY}" in said
    assert json.loads(cli("plot", "tiny", "heir", "--json").output)["taints"] == {"heir": WHY}
    drawing = tmp_path / "curve.pdf"
    assert f"! heir is tainted: {WHY}" in cli("plot", "heir", "--out", drawing).output
    assert "tainted" in next(line for line in cli("ls").output.splitlines() if line.startswith("  heir"))
    assert WHY in cli("show", "heir").output
    cli("plan", "add", "is it true?")
    cli("plan", "link", "1", "heir", "tiny")
    planned = cli("plan").output
    assert f"TAINTED: {WHY}" in planned
    assert planned.count("TAINTED") == 1


def test_json_and_a_figure_together(cli: Cli, tmp_path: Path) -> None:
    drawing = tmp_path / "curve.SVG"
    result = cli("plot", "tiny", "--json", "--out", drawing)
    assert json.loads(result.stdout)["curves"][0]["name"] == "tiny"
    assert result.stderr == f"wrote {drawing}\n"
    assert drawing.read_text().startswith("<?xml")


def test_means_of_several_metrics_are_all_drawn(cli: Cli) -> None:
    said = cli("plot", "tiny", "--metric", "train/loss", "--metric", "val_subset/loss", "--smooth", "2").output
    for metric in ("train/loss", "val_subset/loss"):
        assert f"tiny {metric}, mean of 2" in said
