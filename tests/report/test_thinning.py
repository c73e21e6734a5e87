"""Curves with fewer points keep what is seen of them."""

from __future__ import annotations

import numpy as np
import pytest

from seqlab.report.scale import scale_of, tick
from seqlab.report.thinning import thinned


def test_the_extremes_of_every_stretch_stay() -> None:
    x = np.arange(100_000.0)
    y = np.sin(x / 3000)
    y[[777, 50_001]] = 40.0, -40.0
    kept_x, kept_y = thinned(x, y, 100)
    assert len(kept_x) <= 5 * 100
    assert kept_y.max() == 40.0
    assert kept_y.min() == -40.0
    assert (kept_x[0], kept_x[-1]) == (0.0, 99_999.0)
    assert (np.diff(kept_x) > 0).all()
    assert dict(zip(kept_x, kept_y, strict=True))[777.0] == 40.0


def test_a_gap_stays_a_gap() -> None:
    x, y = np.arange(10_000.0), np.ones(10_000)
    y[5000] = np.nan
    assert np.isnan(thinned(x, y, 50)[1]).sum() == 1


def test_a_short_curve_comes_back_whole_and_in_order() -> None:
    x, y = thinned(np.array([3.0, 1.0, 2.0]), np.array([30.0, np.inf, 20.0]))
    assert x.tolist() == [1.0, 2.0, 3.0]
    assert y.tolist() == [np.inf, 20.0, 30.0]
    assert len(thinned(np.empty(0), np.empty(0))[0]) == 0


def test_a_long_curve_at_one_place_keeps_its_extremes() -> None:
    x, y = thinned(np.zeros(10_000), np.arange(10_000.0))
    assert (x.max(), y.min(), y.max()) == (0.0, 0.0, 9999.0)


@pytest.mark.parametrize(
    ("values", "is_log", "ticks"),
    [
        ([0.0, 10.0], False, [0, 2, 4, 6, 8, 10]),
        ([1.4, 2.6], False, [1.5, 1.75, 2.0, 2.25, 2.5]),
        ([0.001, 0.1], True, [0.001, 0.01, 0.1]),
        ([float("nan"), 5.0], False, [3, 4, 5, 6, 7]),
    ],
)
def test_ticks_are_round_numbers_within_the_scale(values: list[float], is_log: bool, ticks: list[float]) -> None:
    assert scale_of(values, is_log=is_log).ticks() == pytest.approx(ticks)


def test_a_scale_has_no_place_for_what_is_no_number() -> None:
    scale = scale_of([1.0, 100.0], is_log=True)
    assert scale.share(10.0) == pytest.approx(0.5)
    assert scale.share(float("inf")) is None
    assert scale.share(-1.0) is None


def test_ticks_are_short() -> None:
    assert [tick(value) for value in (0, 0.25, 1500, 20_000, 2.5e6, 1e-5)] == [
        "0",
        "0.25",
        "1,500",
        "20k",
        "2.5M",
        "1e-05",
    ]
