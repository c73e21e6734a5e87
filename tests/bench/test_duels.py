"""Duels: what differs is not timed, what fails is a row, and a ratio is held to its target."""

from __future__ import annotations

import math
import types
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from seqlab import bench
from seqlab.bench import Options, Row, duels
from seqlab.bench.duels import Contest, fight, lengths
from seqlab.bench.shared.passes import Call, forward, forward_backward
from seqlab.spec import SpecError

QUICK = Options(quick=True)


def call(factor: float, gradient: float = 1.0) -> Call:
    def function(x: Tensor) -> Tensor:
        scaled = factor * x
        return gradient * scaled + (scaled * (1 - gradient)).detach()

    return forward_backward(function, torch.arange(1.0, 9.0))


def contest(ours: Call, **changes: object) -> Contest:
    settings = {"what": "doubling", "peer": call(2), "against": "times two", "tolerance": 1e-6} | changes
    return Contest(ours=ours, **settings)  # type: ignore[arg-type]


def fought(monkeypatch: pytest.MonkeyPatch, *contests: Contest | Row | Exception) -> list[Row]:
    def found(options: Options) -> Iterator[Contest | Row]:
        for one in contests:
            if isinstance(one, Exception):
                raise one
            yield one

    monkeypatch.setattr(duels.importlib, "import_module", lambda name: types.SimpleNamespace(contests=found))
    return list(fight("doubling", QUICK))


def test_a_duel_tells_how_many_times_as_fast_ours_is(monkeypatch: pytest.MonkeyPatch) -> None:
    (row,) = fought(monkeypatch, contest(call(2), faster=1e-6, note="as fast as memory"))
    assert (row.unit, row.target, row.peer, row.note) == ("x faster", 1e-6, "times two", "as fast as memory")
    assert row.value > 0
    assert not row.misses
    assert row.labels == {"duel": "doubling", "contest": "doubling", "measure": "time"}
    assert {"ms", "peer ms", "peak MB", "peer peak MB"} == row.also.keys()


def test_a_ratio_below_its_target_misses_and_memory_above_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    time, memory = fought(monkeypatch, contest(call(2), faster=1e9, memory=1e-9))
    assert time.misses
    assert memory.misses
    assert memory.value == pytest.approx(1.0)
    assert not fought(monkeypatch, contest(call(2), memory=1.0))[1].misses


@pytest.mark.parametrize("ours", [call(2.001), call(2, gradient=1.001), call(math.nan)])
def test_what_differs_from_its_peer_is_not_timed(monkeypatch: pytest.MonkeyPatch, ours: Call) -> None:
    monkeypatch.setattr(duels, "alternate", lambda *_, **__: pytest.fail("it was timed"))
    (row,) = fought(monkeypatch, contest(ours))
    assert row.misses
    assert "differs from times two by" in row.error
    assert math.isnan(row.value)


def test_different_functions_are_timed_and_a_smaller_case_can_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    (row,) = fought(monkeypatch, contest(call(3), tolerance=None))
    assert not row.error
    (row,) = fought(monkeypatch, contest(call(3), compared=(call(2), call(2))))
    assert not row.error


def test_a_sample_of_the_peer_counts_as_its_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    (row,) = fought(monkeypatch, contest(call(2), peer_times=1e6))
    assert row.value > 1e3
    assert row.also["peer ms"] > 1e3 * row.also["ms"]


def test_after_an_error_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> tuple[Tensor, ...]:
        raise RuntimeError("no such kernel\nand more")

    measured = Row(what="own", value=1.0, unit="s")
    rows = fought(monkeypatch, contest(broken), measured, contest(call(2)), OSError("no disk"))
    assert [row.error for row in rows] == ["RuntimeError: no such kernel", "", "", "OSError: no disk"]
    assert [row.misses for row in rows] == [True, False, False, True]
    assert rows[1] is measured


def test_the_forward_pass_keeps_nothing() -> None:
    x = torch.ones(3, requires_grad=True)
    (y,) = forward(lambda x: 2 * x, x)()
    assert not y.requires_grad


def test_lengths_are_the_duels_own_unless_told() -> None:
    assert lengths(Options(), 1024, 4096) == (1024, 4096)
    assert lengths(Options(lengths=(9,)), 1024, 4096) == (9,)
    assert len(lengths(Options(lengths=(9, 10), quick=True), 1024, 4096)) == 1


@pytest.mark.parametrize("name", duels.names())
def test_every_duel_is_fought_to_its_end(name: str) -> None:
    rows = list(fight(name, QUICK))
    assert rows
    assert [row.error for row in rows if row.error] == []
    assert all(row.what and row.unit and math.isfinite(row.value) for row in rows)


def test_one_mixer_or_duel_can_be_chosen() -> None:
    rows = bench.measure("mixers", Options(quick=True, only=("window",)))  # a mixer and a duel
    assert {row.labels["mixer"] for row in rows if "mixer" in row.labels} == {"attention", "window"}
    assert {row.labels["duel"] for row in rows if "duel" in row.labels} == {"window"}
    rows = bench.measure("mixers", Options(quick=True, only=("scan",)))
    assert {row.labels["duel"] for row in rows} == {"scan"}
    with pytest.raises(SpecError, match="did you mean `window`"):
        bench.measure("mixers", Options(quick=True, only=("windo",)))


def test_a_mixer_that_fails_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    from seqlab.bench import mixers
    from seqlab.mixers.window import SlidingAttention

    monkeypatch.setattr(SlidingAttention, "forward", lambda *_: 1 / 0)
    rows = mixers.measure(Options(quick=True, only=("window",)))
    assert [row.error for row in rows if row.labels.get("mixer") == "window"] == [
        "ZeroDivisionError: division by zero"
    ] * 4
    assert not any(row.error for row in rows if row.labels.get("mixer") == "attention")
