"""The dry run of a sweep: what cannot be built is refused by name, and what all will cost is told."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from seqlab.experiment import Experiment
from seqlab.journal import LabBook
from seqlab.methods.snr import SNR
from seqlab.probes.weight_norms import WeightNorms
from seqlab.sweeps.cells import Plan, vary
from seqlab.sweeps.costs import Costs, Measured, refuse_what_cannot_fit, sum_up
from seqlab.sweeps.errors import SweepError
from seqlab.sweeps.grid import combinations, parse_knobs
from seqlab.sweeps.rehearsal import rehearse
from seqlab.sweeps.slots import Slots
from seqlab.train.forecast import Forecast, TooLarge
from tiny_runs import text, tiny

__all__ = ["text", "tiny"]


def plan_of(base: Experiment, *knobs: str, seeds: int = 1) -> Plan:
    return vary(base, combinations(parse_knobs(knobs)), range(seeds))


def rehearsed(plan: Plan, book: LabBook) -> Costs:
    return rehearse(plan, plan.trials, book, Slots(2, 1))


def test_one_of_each_structure_is_tried_and_nothing_is_left(book: LabBook, tiny: Experiment, tmp_path: Path) -> None:
    plan = plan_of(replace(tiny, probes=(WeightNorms(),)), "optim.lr=0.01,0.02,0.03", "model.dim=16,32", seeds=2)
    before = sorted(tmp_path.rglob("*"))
    costs = rehearsed(plan, book)
    assert (costs.runs, costs.structures, costs.tried, costs.slots) == (12, 2, 2, 2)
    assert costs.seconds is not None
    assert costs.seconds > 0
    assert not book.runs()
    assert {path for path in tmp_path.rglob("*") if "cache" not in path.parts} == {
        path for path in before if "cache" not in path.parts
    }


def test_cells_that_come_to_the_same_are_told(book: LabBook, tiny: Experiment) -> None:
    """The notebook's .84 and .68 were one point of its grid: -ln .16 = 1.83 and -ln .32 = 1.14 batches are both 2."""
    tails = plan_of(replace(tiny, methods=(SNR(),)), "methods.0.tail_prob=0,0.05,0.16,0.32", "optim.lr=0.01,0.02")
    assert rehearsed(tails, book).equivalent == [
        [f"methods.0.tail_prob={tail} optim.lr={rate}" for tail in (0.16, 0.32)] for rate in (0.01, 0.02)
    ]
    nothing = plan_of(replace(tiny, methods=(SNR(tail_prob=0.0),)), "methods.0.initial_threshold=5,10,20")
    assert len(rehearsed(nothing, book).equivalent[0]) == 3


def test_a_signal_ends_it_though_a_training_would_obey_it_quietly(
    book: LabBook, tiny: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> dict[str, float]:
        os.kill(os.getpid(), signal.SIGTERM)
        return {}

    monkeypatch.setattr(WeightNorms, "measure", interrupted)
    with pytest.raises(KeyboardInterrupt):
        rehearsed(plan_of(replace(tiny, probes=(WeightNorms(),)), "optim.lr=0.01"), book)


def test_a_cell_that_cannot_be_is_refused_by_name(book: LabBook, tiny: Experiment) -> None:
    with pytest.raises(SweepError, match=r"the cell optim\.lr=0\.02 batch\.size=100000 cannot be run: .*do not fill"):
        rehearsed(plan_of(tiny, "optim.lr=0.02", "batch.size=4,100000"), book)


def test_a_cell_that_breaks_in_its_steps_is_refused_by_name(
    book: LabBook, tiny: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> dict[str, float]:
        raise ZeroDivisionError("the probe divides by zero")

    monkeypatch.setattr(WeightNorms, "measure", broken)
    with pytest.raises(SweepError, match=r"the cell model\.dim=16 breaks .*ZeroDivisionError: the probe divides"):
        rehearsed(plan_of(replace(tiny, probes=(WeightNorms(),)), "model.dim=16"), book)


def forecast(memory: int, disk: int, steps: int = 100, flops: float = 1e6) -> Forecast:
    return Forecast(10, memory, 10**9, 1, disk, 10**9, None, steps, flops, 1.0)


def test_costs_are_those_of_all_runs() -> None:
    """Ten runs of 100 steps of 0.01 s and 1 s beside, and ten untried of twice the arithmetic, on two slots."""
    tried = Measured(10, forecast(1000, 50), 0.01, 1.0)
    costs = sum_up([tried, Measured(10, forecast(3000, 50, flops=2e6))], Slots(2, 1, devices=("0", "1")))
    assert costs.seconds == pytest.approx((10 * 2.0 + 10 * 3.0) / 2)
    assert (costs.memory_bytes, costs.disk_bytes) == (3000, 1000)
    by_cores = sum_up([tried], Slots(2, 1))
    assert by_cores.memory_bytes > 2000


def test_what_cannot_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqlab.sweeps.costs._process_bytes", lambda: 2**20)  # not what the tests before have taken
    costs = sum_up([Measured(30, forecast(1, 40 * 2**20), 0.01)], Slots(2, 1))
    with pytest.raises(TooLarge, match=r"the 30 runs of this sweep need about 1,200 MiB of disk at once and 954 MiB"):
        refuse_what_cannot_fit(costs)
    costs = sum_up([Measured(3, forecast(9 * 10**8, 1), 0.01)], Slots(2, 1))
    with pytest.raises(TooLarge, match=r"of memory at once .* take fewer than 2 slots"):
        refuse_what_cannot_fit(costs)
    refuse_what_cannot_fit(costs, elsewhere=True)
