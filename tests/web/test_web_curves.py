"""Curves for the charts: what is drawn of long ones, what arrives, bands, smoothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab_book import browser, trained
from starlette.testclient import TestClient

from seqlab.journal import LabBook
from seqlab.journal.lines import whole_end
from seqlab.web.thinning import running_mean, thinned


@given(st.integers(10, 400), st.lists(st.floats(width=32), min_size=1, max_size=3000))
def test_thinning_keeps_the_least_the_largest_and_the_ends(points: int, numbers: list[float]) -> None:
    values = np.array(numbers, dtype=float)
    kept = thinned(values, points)
    assert (np.diff(kept) > 0).all()
    assert kept[0] == 0
    assert kept[-1] == values.size - 1
    assert kept.size <= max(points + 4, 2)
    finite = values[np.isfinite(values)]
    if finite.size:
        drawn = values[kept][np.isfinite(values[kept])]
        assert (drawn.min(), drawn.max()) == (finite.min(), finite.max())


def test_every_stretch_keeps_its_own_peak() -> None:
    values = np.zeros(100_000)
    values[::1000] = np.arange(100) + 1.0
    assert set(values[thinned(values, 400)]) == set(values)


def test_the_running_mean_leaves_out_what_is_no_number() -> None:
    values = np.array([1.0, 3.0, np.nan, 5.0])
    assert running_mean(values, 2).tolist() == [1.0, 2.0, 3.0, 5.0]


def test_a_window_and_axes(reader: TestClient) -> None:
    asked = {"run": "calm-lake-1", "metric": "train/loss", "from": "300", "to": "500", "x": "tokens"}
    told = reader.get("/api/curves", params=asked).json()
    assert told["curves"][0]["x"] == [300, 400, 500]
    assert told["unit"] == "tokens"
    assert told["floors"] == {"uniform": 5.5, "bigram": 2.4}
    for axis in ("step", "tokens", "epochs", "tasks", "wall"):
        assert reader.get("/api/curves", params={"run": "calm-lake-1", "x": axis}).json()["curves"][0]["x"]


def test_an_axis_that_was_not_recorded_is_said(reader: TestClient) -> None:
    one = reader.get("/api/curves", params={"run": "calm-lake-1", "x": "flops"}).json()["curves"][0]
    assert one["x"] == []
    assert "no count of floating-point operations" in one["problem"]


def test_seeds_of_one_setting_are_a_band(reader: TestClient, shared: LabBook) -> None:
    asked = {"run": ["calm-lake-1", "calm-lake-2", "quiet-hill-3"], "metric": "train/loss", "band": "seeds"}
    (band,) = reader.get("/api/curves", params=asked).json()["bands"]
    assert band["runs"] == ["calm-lake-1", "calm-lake-2"]
    last = [shared.open(name).metrics.last["train/loss"] for name in band["runs"]]
    assert band["mean"][-1] == pytest.approx(sum(last) / 2)
    assert band["low"][-1] < min(last)
    assert band["high"][-1] > max(last)


def test_smoothing_keeps_the_raw_data(reader: TestClient) -> None:
    asked = {"run": "calm-lake-1", "metric": "train/loss"}
    raw, smooth = (reader.get("/api/curves", params=asked | {"smooth": n}).json()["curves"][0] for n in ("1", "3"))
    assert smooth["y"] == raw["y"]
    assert smooth["smooth"][2] == pytest.approx(sum(raw["y"][:3]) / 3)


def test_new_lines_are_read_on_from_where_the_curve_ended(book: LabBook) -> None:
    run = book.create({"seed": 0}, name="calm-lake-1", origin={})
    with run.attempt() as attempt:
        attempt.log(step=1, **{"train/loss": 2.0})
        seen = browser(book)
        curve = seen.get("/api/curves?run=calm-lake-1").json()["curves"][0]
        assert curve["state"] == "running"
        attempt.log(step=2, **{"train/loss": float("inf"), "val/loss": 1.0})
        lines = seen.get(f"/api/runs/calm-lake-1/lines?from={curve['offset']}").json()
        assert [(line["step"], line["train/loss"], line["val/loss"]) for line in lines["lines"]] == [(2, None, 1.0)]
        assert lines["state"] == "running"
        assert seen.get(f"/api/runs/calm-lake-1/lines?from={lines['end']}").json()["lines"] == []
    assert seen.get("/api/runs/calm-lake-1/lines").json()["state"] == "finished"


def test_the_end_of_the_whole_lines(book: LabBook) -> None:
    path = trained(book, "calm-lake-1", 0.01).folder / "metrics.jsonl"
    size = path.stat().st_size
    assert whole_end(path) == size
    with path.open("a") as file:
        file.write('{"torn": "' + "x" * 100_000)
    assert whole_end(path) == size
    assert whole_end(path.with_name("none")) == 0
