"""Groups of runs compared: intervals that are known, how often they err, crossings, and what a person is told."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence

import pytest

from seqlab.journal import JournalError, LabBook, Run
from seqlab.journal.comparison import compared
from seqlab.journal.contrast import Contrast, contrast
from seqlab.journal.curves import curve
from seqlab.journal.groups import RunGroup
from seqlab.statistics import quantile


def of(a: Mapping[int, float], b: Mapping[int, float], pairs: int = 1) -> Contrast:
    return contrast(("a", "b"), 10.0, a, b, pairs=pairs, higher_is_better=False)


def test_equal_seeds_are_paired() -> None:
    """The smallest step between two values is 0.1, and counts as rounding."""
    a, b = {0: 1.1, 1: 3.3, 2: 5.2}, {0: 1.0, 1: 3.0, 2: 5.0}
    found = of(a, b)
    leads = [a[seed] - b[seed] for seed in a]
    error = math.sqrt(sum((lead - sum(leads) / 3) ** 2 for lead in leads) / 2 / 3)
    assert (found.how, found.seeds) == ("paired", (3, 3))
    assert found.difference == pytest.approx(sum(leads) / 3)
    assert found.high == pytest.approx(found.difference + 4.302653 * math.sqrt(error**2 + 0.1**2 / 18), rel=1e-3)
    assert found.is_established is (found.difference > 4.302653 * error)
    assert of(a, {5: 1.0, 6: 3.0, 7: 5.0}).how == "welch"
    assert not of(a, {5: 1.0, 6: 3.0, 7: 5.0}).is_established, "the seeds hide it where they are not paired"


def test_welch_of_equal_spreads_has_the_freedom_of_both() -> None:
    a = {0: 1.0, 1: 1.0000001, 2: 2.0, 3: 3.0}
    b = {4 + seed: 10 + value for seed, value in a.items()}
    found = of(a, b)
    error = math.sqrt(2 * (11 / 12) / 4)
    assert found.difference == pytest.approx(-10)
    assert found.low == pytest.approx(-10 - quantile(0.025, 6) * error, rel=1e-4)
    assert found.is_established
    assert (found.separated, found.chance) == ("a", 1 / 70)


def test_what_cannot_be_known_is_not_said() -> None:
    single = of({0: 1.0}, {0: 2.0})
    assert (single.how, single.low, single.is_established, single.chance) == ("single seed", None, False, 0.5)
    assert of({0: 1.0, 1: 1.5}, {7: 9.0}).how == "single seed"
    assert of({0: 1.0, 1: 1.0}, {0: 2.0, 1: 2.0}).is_established, "nothing depends on the seed"
    assert not of({0: 1.0, 1: 1.0}, {0: 1.0, 1: 1.0}).is_established
    assert of({0: 1.0, 1: 3.0}, {0: 2.0, 1: 3.5}).separated is None
    wide, narrow = (of({0: 1.0, 1: 1.2, 2: 1.1}, {0: 2.0, 1: 2.5, 2: 2.3}, pairs) for pairs in (10, 1))
    assert wide.low is not None
    assert narrow.low is not None
    assert wide.low < narrow.low


@pytest.mark.parametrize("first", [0, 100], ids=["paired", "welch"])
def test_a_difference_that_is_none_is_seldom_established(first: int) -> None:
    draw = random.Random(1).gauss
    trials = 1000
    false = sum(
        of({seed: draw(0, 1) for seed in range(4)}, {first + seed: draw(0, 2) for seed in range(4)}).is_established
        for _ in range(trials)
    )
    assert 0.02 < false / trials < 0.07


def made(book: LabBook, name: str, seeds: Sequence[int], start: float, slope: float, spread: float = 0.05) -> RunGroup:
    """Straight lines over steps 1 to 10 that lie `spread` apart; 100 operations a step."""
    runs: list[Run] = []
    for seed in seeds:
        origin = {"forecast": {"flops": 1000.0, "steps": 10}}
        runs.append(book.create({"seed": seed, "slope": slope}, name=f"{name}-{seed}", origin=origin))
        with runs[-1].attempt() as attempt:
            for step in range(1, 11):
                off = spread * (seed % 3 - 1) * (1 + 0.1 * math.sin(seed + slope))
                attempt.log(step=step, tokens=8 * step, wall_seconds=step, **{"val/loss": start + slope * step + off})
    return RunGroup(name, tuple(runs))


def test_means_cross_where_they_do_and_the_end_is_judged(book: LabBook) -> None:
    slow, fast = made(book, "slow", range(3), 4, -0.1), made(book, "fast", range(3), 5, -0.3)
    told = compared([slow, fast], "val/loss")
    (crossing,) = told["crossings"]["step"]
    assert crossing["at"] == pytest.approx(5, abs=0.05)
    assert crossing["leads_from_there"] == "fast"
    low, high = crossing["between"]
    assert 4 < low < crossing["at"] < high < 6
    (end,) = told["differences"]["step"]
    assert (end["verdict"], end["how"], end["at"], end["separated"]) == ("different", "paired", 10, "fast")
    assert end["low"] < 1 < end["high"]
    assert told["verdict"] == "slow and fast: different at equal steps, tokens, seconds and FLOPs"
    assert told["warnings"] == []
    row = told["equal"]["flops"][-1]
    assert row["at"] == 1000
    assert row["standard_errors"]["slow"] == pytest.approx(0.05 / math.sqrt(3), rel=0.2)
    band = told["bands"]["step"]["slow"]
    assert (len(band["at"]), band["at"][0], band["at"][-1]) == (41, 1, 10)
    assert all(low < mean < high for low, mean, high in zip(band["low"], band["mean"], band["high"], strict=True))


def test_noise_establishes_nothing(book: LabBook) -> None:
    groups = [made(book, "here", range(3), 4, -0.1, 2.0), made(book, "there", range(3, 6), 4.1, -0.1, 2.0)]
    assert compared(groups, "val/loss", ["step"])["verdict"] == "here and there: not established at equal steps"
    alone = RunGroup.alone(groups[0].runs[0])
    told = compared([alone, groups[1]], "val/loss", ["step"])
    assert "not established: single seed" in told["verdict"]


def test_a_group_of_unlike_runs_says_so(book: LabBook) -> None:
    mixed = RunGroup("mixed", (*made(book, "a", [0], 4, -0.1).runs, *made(book, "b", [0], 4, -0.2).runs))
    other = made(book, "other", [0, 1], 4, -0.1)
    told = compared([mixed, other], "val/loss", ["step"])
    assert told["warnings"] == ["the runs of mixed differ in `slope`: its spread is not that of seeds alone"]
    assert told["differences"]["step"][0]["how"] == "welch", "one seed twice pairs with nothing"


def test_operations_that_nobody_counted_are_one_sentence(book: LabBook) -> None:
    run = book.create({}, name="bare", origin={"forecast": {"flops": None, "steps": None}})
    with run.attempt() as attempt:
        attempt.log(step=1, **{"val/loss": 1.0})
    with pytest.raises(JournalError, match="bare has no count of floating-point operations"):
        curve(run, "val/loss", "flops")
