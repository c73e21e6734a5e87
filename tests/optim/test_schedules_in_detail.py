"""What each schedule promises beyond the conformance tests."""

import math

import pytest

from seqlab.optim.schedules import fraction_of
from seqlab.optim.schedules.cosine import Cosine
from seqlab.optim.schedules.plateau import Plateau
from seqlab.optim.schedules.wsd import WSD
from seqlab.spec import SpecError


def test_fractions_are_whole_in_spite_of_binary_fractions() -> None:
    assert [fraction_of(30, 0.1), fraction_of(29, 0.1), fraction_of(1000, 0.29), fraction_of(7, 1.0)] == [3, 2, 290, 7]


def test_cosine_ends_at_its_ratio() -> None:
    schedule = Cosine(min_ratio=0.1)
    assert schedule.lr(2.0, 100, 100, {}) == pytest.approx(0.2)
    assert schedule.lr(2.0, 50, 100, {}) == pytest.approx(1.1)


@pytest.mark.parametrize(("shape", "middle"), [("linear", 0.5), ("one_minus_sqrt", 1 - math.sqrt(0.5))])
def test_wsd_is_stable_and_then_falls(shape: str, middle: float) -> None:
    schedule = WSD(warmup=0.1, decay=0.2, shape=shape)
    rates = [schedule.lr(1.0, step, 100, {}) for step in range(101)]
    assert rates[10:81] == [1.0] * 71
    assert rates[90] == pytest.approx(middle)
    assert rates[100] == 0.0


def test_plateau_waits_and_reduces() -> None:
    schedule, memory, rates = Plateau(patience=1, factor=0.5, min_lr=0.2), {}, []
    for step, loss in enumerate([1.0, 0.5, 0.5, 0.6, 0.4, 0.41, 0.42, 0.43, 0.44], 1):
        memory = schedule.remember(memory, {"val_subset/loss": loss}, step)
        rates.append(schedule.lr(1.0, step, 100, memory))
    assert rates == [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25, 0.2]
    assert schedule.lr(0.1, 9, 100, memory) == 0.1, "a rate below the floor is not raised"


def test_plateau_can_want_more() -> None:
    schedule = Plateau(metric="val/accuracy", goal="max", patience=0)
    memory = schedule.remember({}, {"val/accuracy": 0.5}, 1)
    assert schedule.remember(memory, {"val/accuracy": 0.6}, 2) == {"best": 0.6, "waited": 0, "reductions": 0}
    assert schedule.remember(memory, {"val/accuracy": 0.4}, 2) == {"best": 0.5, "waited": 0, "reductions": 1}


def test_plateau_names_the_metrics_there_are() -> None:
    with pytest.raises(SpecError, match=r"no metric `val_subset/loss`; did you mean `val_subset/los`\?"):
        Plateau().remember({}, {"val_subset/los": 1.0}, 1)
