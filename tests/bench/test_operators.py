"""Operators over lengths: what is measured, what is left out, and where curves cross. No test looks at a time."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from torch import nn

from seqlab.bench import Options, Row, gate, measure, operators
from seqlab.bench.shared import beside
from seqlab.bench.shared.passes import backward, forward_backward
from seqlab.cli.main import main
from seqlab.spec import SpecError, names


def test_every_mixer_is_measured_forward_and_backward() -> None:
    rows = [row for row in measure("operators", Options(quick=True)) if "mixer" in row.labels]
    found = {(row.labels["mixer"], row.labels["length"], row.labels["pass"]) for row in rows if not row.error}
    lengths = operators.QUICK_LENGTHS
    assert found == {(m, n, p) for m in names("mixers") for n in lengths for p in ("forward", "backward")}
    assert all(math.isfinite(row.value) and row.ratio and row.also["peak MB"] > 0 for row in rows)


def test_only_the_gradients_are_computed_and_they_are_the_same() -> None:
    module = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 4))
    x, parameters = torch.randn(2, 4), [*module.parameters()]
    _, *wanted = forward_backward(module, x, parameters=parameters)()
    passes: list[object] = []
    call = backward(module, x, parameters=parameters)
    module.register_forward_hook(lambda *_: passes.append(1))
    for _ in range(2):
        for got, expected in zip(call(), wanted, strict=True):
            torch.testing.assert_close(got, expected)
    assert passes == []


def timed(monkeypatch: pytest.MonkeyPatch, **ms: list[float]) -> None:
    """Let mixers take these milliseconds at the lengths 1024, 2048 ..."""

    def made(mixers: list[str], place: beside.Place, quick: bool) -> list[Row]:
        at = int(math.log2(place.length)) - 10
        rows = [(mixer, ms[mixer][at]) for mixer in mixers]
        return [Row(what=m, value=t, unit="ms", ratio=t / ms["attention"][at], labels=place.labels(m)) for m, t in rows]

    monkeypatch.setattr(operators, "beside_attention", made)


def test_the_length_of_a_crossing(monkeypatch: pytest.MonkeyPatch) -> None:
    timed(monkeypatch, attention=[1.0, 4.0, 16.0], hyena=[2.0, 4.0 / 2**0.5, 9.0], window=[0.5, 1.0, 20.0])
    rows = operators.measure(Options(lengths=(1024, 2048, 4096), only=("hyena", "window")))
    crossings = {row.what: row.value for row in rows if "crossing" in row.labels}
    assert crossings == {
        "hyena overtakes attention, forward": pytest.approx(1024 * 2 ** (2 / 3)),
        "hyena overtakes attention, backward": pytest.approx(1024 * 2 ** (2 / 3)),
        "window falls behind attention, forward": pytest.approx(2048 * 2 ** (math.log(4) / math.log(5))),
        "window falls behind attention, backward": pytest.approx(2048 * 2 ** (math.log(4) / math.log(5))),
    }


def test_what_would_take_too_long_is_left_out_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    timed(monkeypatch, attention=[1e3, 6e3, math.nan, math.nan], hyena=[1.0, 2.0, 4.0, 8.0])
    rows = operators.measure(Options(lengths=(1024, 2048, 4096, 8192), only=("hyena",)))
    left_out = [row for row in rows if row.error and row.labels["pass"] == "forward"]
    assert [row.what for row in left_out] == ["attention 4096 float32 forward", "attention 8192 float32 forward"]
    assert "would take about 36 s a call" in left_out[0].error


def test_heads_are_given_to_those_that_count_them(monkeypatch: pytest.MonkeyPatch) -> None:
    place = beside.Place(dim=24, length=8, precision="float32", kind="forward", heads=12)
    assert beside._built("attention", place).heads.heads == 12
    assert beside._built("hyena", place).products.width == 1  # none: every feature is a head of its own


def test_the_notebooks_preset() -> None:
    preset = operators.PRESETS["notebook"]
    assert (preset.dim, preset.heads, preset.half) == (768, 12, True)
    assert preset.lengths == (2048, 4096, 8192, 16384, 32768, 65536, 131072)
    assert operators.PRESETS["cpu"].lengths[0] == 1024
    assert operators.PRESETS["cpu"].lengths[-1] == 65536


def test_an_unknown_mixer_is_named() -> None:
    with pytest.raises(SpecError, match="there is no mixer `hyenna`; did you mean `hyena`"):
        operators.measure(Options(quick=True, only=("hyenna",)))


def test_it_is_drawn_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "measure", lambda options: [Row(what="all", value=0.0, unit="", target=0.0)])
    told = ["bench", "operators", "--quick", "--only", "hyena", "--svg", str(tmp_path / "o.svg"), "--keep", "--json"]
    result = CliRunner().invoke(main, told)
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    (kept,) = (tmp_path / "runs" / ".bench").iterdir()
    assert json.loads(kept.read_text())["benchmarks"] == shown["benchmarks"]
    assert (tmp_path / "o.svg").read_text().count("<polyline") == 4
    assert CliRunner().invoke(main, ["ls", "--json"]).stdout.strip() == "[]"
