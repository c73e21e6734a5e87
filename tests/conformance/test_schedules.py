"""Every schedule gives a usable rate at every step of every budget, and is a pure function."""

import json
import math

import pytest

from seqlab.optim.schedules import Schedule
from seqlab.spec import find, names

SCHEDULES = names("optim/schedules")
SETTINGS = [{}, {"warmup": 0.1}, {"warmup": 1.0}, {"warmup_steps": 7}, {"warmup": 0.3, "steps": 9}]


def schedule_of(name: str, **settings: object) -> Schedule:
    schedule = find("optim/schedules", name)(**settings)
    assert isinstance(schedule, Schedule)
    return schedule


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("name", SCHEDULES)
def test_finite_and_positive_somewhere_at_every_budget(name: str, settings: dict[str, object]) -> None:
    schedule = schedule_of(name, **settings)
    for steps in range(1, 51):
        rates = [schedule.lr(0.1, step, steps, {}) for step in range(steps)]
        assert all(math.isfinite(rate) and rate >= 0 for rate in rates)
        assert max(rates) > 0 or (steps == 1 and "steps" in settings), "a stated horizon does not bend to the budget"


@pytest.mark.parametrize("name", SCHEDULES)
def test_stays_finite_beyond_the_horizon(name: str) -> None:
    schedule = schedule_of(name, steps=10)
    assert 0 <= schedule.lr(0.1, 10_000, 20_000, {}) <= 0.1
    assert schedule.lr(0.1, 500, 1000, {}) == schedule.lr(0.1, 900, 1000, {})


@pytest.mark.parametrize("name", SCHEDULES)
def test_reaches_the_base_rate_at_the_end_of_the_warmup(name: str) -> None:
    rates = [schedule_of(name, warmup=0.1).lr(0.1, step, 1000, {}) for step in range(101)]
    assert rates == sorted(rates[:100]) + rates[100:]
    assert rates[100] == pytest.approx(0.1, rel=0.03)  # timm's cosine counts the warm-up in


@pytest.mark.parametrize("name", SCHEDULES)
def test_memory_is_json_and_is_not_changed(name: str) -> None:
    schedule, memory = schedule_of(name), {}
    for step, loss in enumerate([3.0, 2.0, 2.0, float("nan"), 1.0] + [1.0] * 30, 1):
        before = json.dumps(memory)
        after = schedule.remember(memory, {"val_subset/loss": loss}, step)
        assert json.dumps(memory) == before
        memory = json.loads(json.dumps(after, allow_nan=False))
    assert 0 <= schedule.lr(0.1, 10, 100, memory) <= 0.1


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_without_need_of_a_horizon_runs_by_the_clock(name: str) -> None:
    for settings in ({}, {"warmup_steps": 5}):
        schedule = schedule_of(name, **settings)
        if not schedule.needs_horizon():
            assert [schedule.lr(0.1, step, 0, {}) for step in (5, 10_000)] == [0.1, 0.1]
    assert not schedule_of(name, steps=100).needs_horizon()
