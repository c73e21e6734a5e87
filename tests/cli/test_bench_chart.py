"""The drawing of a benchmark: a curve for each mixer, a bar for each contest, and strict XML."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from calling import Cli

from seqlab.bench import Row, gate
from seqlab.cli.chart import drawing

SVG = "{http://www.w3.org/2000/svg}"


def mixer(name: str, length: int, milliseconds: float) -> Row:
    labels: dict[str, str | int] = {"mixer": name, "length": length, "dtype": "float32", "pass": "forward"}
    return Row(what=name, value=milliseconds, unit="ms", labels=labels)


def contest(name: str, faster: float, target: float | None) -> Row:
    labels: dict[str, str | int] = {"duel": name, "contest": name, "measure": "time"}
    return Row(
        what=name, value=faster, unit="x faster", target=target, more_is_better=True, peer="a < b", labels=labels
    )


ROWS = [
    mixer("hyena", 1024, 2.0),
    mixer("hyena", 4096, 9.0),
    mixer("attention", 1024, 1.0),
    mixer("attention", 4096, 20.0),
    Row.failed("broken", ValueError("no"), labels={"mixer": "broken", "length": 1024}),
    contest("long", 2.5, 1.8),
    contest("window", 2.0, 5.0),
    contest("plain", 1.0, None),
]


def test_curves_rise_where_times_grow_and_bars_are_as_long_as_the_ratio() -> None:
    root = ElementTree.fromstring(drawing(ROWS))
    curves = [[tuple(map(int, place.split(","))) for place in line.get("points", "").split()]
              for line in root.iter(f"{SVG}polyline")]  # fmt: skip
    assert [len(curve) for curve in curves] == [2, 2]
    assert all(early[0] < late[0] and early[1] > late[1] for early, late in curves)
    (_, hyena), (_, attention) = curves
    assert attention[1] < hyena[1]
    bars = [float(bar.get("width", "")) for bar in root.iter(f"{SVG}rect") if bar.get("fill", "").startswith("#")]
    assert bars[0] / bars[1] == pytest.approx(1.25, abs=0.01)
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert {"hyena", "attention", "1,024", "4,096", "10", "long, beside a < b", "2.500 x, 1.800 x wanted"} <= set(texts)
    assert "broken" not in texts


def test_a_single_length_and_nothing_at_all_can_be_drawn() -> None:
    for rows in (ROWS[:1], ROWS[-1:], []):
        ElementTree.fromstring(drawing(rows))


def test_the_command_draws_beside_its_json(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "measure", lambda options: [])
    monkeypatch.setattr("seqlab.bench.mixers.measure", lambda options: ROWS)
    found = json.loads(cli("bench", "mixers", "--json", "--svg", tmp_path / "times.svg").stdout)
    row = found["benchmarks"]["mixers"][5]
    assert (row["value"], row["target"], row["misses"], row["labels"]["duel"]) == (2.5, 1.8, False, "long")
    assert (tmp_path / "times.svg").read_text() == drawing(ROWS)


def test_a_drawing_that_could_not_be_made_is_refused_beforehand(cli: Cli, tmp_path: Path) -> None:
    assert "no folder" in cli("bench", "mixers", "--svg", tmp_path / "none" / "times.svg", code=2).stderr
    assert "add one of them to WHAT" in cli("bench", "gemm", "--svg", tmp_path / "times.svg", code=2).stderr
