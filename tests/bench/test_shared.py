"""What the benchmarks stand on."""

from __future__ import annotations

import math
import os
import sys
from dataclasses import replace

import pytest
import torch

from seqlab.bench import Options
from seqlab.bench.shared import peer, processes
from seqlab.bench.shared.machine import machine
from seqlab.bench.shared.memory import peak_bytes
from seqlab.bench.shared.subjects import STAND_IN, subjects, transformer
from seqlab.bench.shared.timing import Timing, alternate, overhead, ratio


def test_a_row_tells_the_median_the_least_and_the_spread() -> None:
    row = Timing((3.0, 1.0, 2.0)).row("a", "ms", scale=10)
    assert (row.value, row.minimum, row.spread) == (20.0, 10.0, 1.0)
    assert Timing((3.0,)).row("a", "ms").spread is None


def test_ratios_are_taken_pair_by_pair() -> None:
    assert ratio(Timing((1.0, 4.0)), Timing((2.0, 4.0))).samples == (0.5, 1.0)


def test_the_interval_of_a_median_holds_it_as_often_as_is_said() -> None:
    """In 1000 sets of samples of a skew law; at least 95 of 100 are promised, and the ranks can be no finer."""
    assert Timing((3.0, 1.0, 2.0)).interval == (1.0, 3.0)
    generator = torch.Generator().manual_seed(0)
    for count in (9, 100):
        samples = torch.empty(1000, count).exponential_(generator=generator)
        intervals = [Timing(tuple(row)).interval for row in samples.tolist()]
        held = sum(low <= math.log(2) <= high for low, high in intervals)
        assert 943 <= held <= 990  # 950 or more are expected, give or take 7


@pytest.mark.parametrize(("count", "first", "last"), [(5, 1, 5), (6, 1, 6), (9, 2, 8), (20, 6, 15), (100, 40, 61)])
def test_the_ranks_are_those_of_the_tables(count: int, first: int, last: int) -> None:
    """Of the sign test, from 1: five samples promise 93.75 of 100, and 41 and 60 of a hundred would promise 94.3."""
    assert Timing(tuple(map(float, range(count, 0, -1)))).interval == (first, last)


def test_what_a_median_cannot_decide_is_called_undecided() -> None:
    ours, bare = Timing((1.01, 1.02, 1.03, 1.04, 1.05)), Timing((1.0,) * 5)
    told = {target: overhead(ours, bare, "bare", what="", unit="%", target=target) for target in (0.5, 2.5, 4.5, 6.0)}
    assert ["undecided" in row.note for row in told.values()] == [False, True, True, False]
    assert [row.misses for row in told.values()] == [True, True, False, False]
    assert told[2.5].value == pytest.approx(3)
    assert told[2.5].note == "1 to 5 %, undecided"


def test_rounds_alternate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqlab.bench.shared.timing.LEAST_SECONDS", 0.0)
    order: list[str] = []
    times = alternate({name: lambda name=name: order.append(name) for name in "ab"}, rounds=3, warm_up=1)
    assert "".join(order) == "ab" + "abbaab"
    assert [len(timing.samples) for timing in times.values()] == [3, 3]


def test_the_peak_counts_what_lives_at_once() -> None:
    x = torch.zeros(1000)  # 4,000 bytes, held before

    def chain() -> None:
        y = x.view(10, 100)
        for _ in range(20):
            y = y + 1

    assert peak_bytes(chain, torch.device("cpu")) == 8000


def test_the_machine_is_idle_below_a_quarter_of_a_process_a_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    for load, idle in ((0.9, True), (1.1, False)):
        monkeypatch.setattr(os, "getloadavg", lambda load=load: (load, 0.0, 0.0))
        assert machine()["idle"] is idle


def test_a_text_that_is_not_here_is_stood_in_for() -> None:
    here = transformer(dim=8, layers=1)
    elsewhere = replace(here, task=replace(here.task, path="nowhere.txt"))
    found = subjects(Options(experiments={"a": elsewhere, "b": here}), larger=here)
    assert list(found) == ["a", "b", "larger"]
    assert [experiment.task.path for experiment in found.values()] == [STAND_IN] * 3


def test_a_command_that_fails_says_why() -> None:
    with pytest.raises(RuntimeError, match=r"ended with 3: out of luck"):
        processes.run([sys.executable, "-c", "import sys; print('out of luck'); sys.exit(3)"])


def test_the_peer_is_the_published_model() -> None:
    model = peer.GPT(65)
    # nanoGPT reports 0.80 million for this recipe, positions left out.
    assert sum(p.numel() for p in model.parameters()) - 64 * 128 == 795_904
    assert [round(peer.rate(step), 7) for step in (0, 99, 100, 1050, 2000)] == [9.9e-06, 9.901e-04, 1e-3, 5.5e-4, 1e-4]
