"""Columns of metrics, read from the record once and then from a cache that may vanish, be torn or be read-only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seqlab.journal import Run
from seqlab.journal.column_cache import ColumnCache
from seqlab.journal.columns import COUNTS


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the cache lies."""
    monkeypatch.setenv("SEQLAB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "columns.sqlite"


def written(run: Run, values: dict[int, float], resumed_from: int | None = None) -> None:
    with run.attempt(resumed_from=resumed_from) as attempt:
        for step, value in values.items():
            attempt.log(step=step, epoch=step / 2, task="first" if step > 2 else 1, **{"val/loss": value})


def values(run: Run) -> list[float]:
    with ColumnCache() as cache:
        found: list[float] = cache.columns(run, "val/loss").values.tolist()
        return found


def test_what_stands_beside_the_metric(run: Run) -> None:
    written(run, {2: 3.0, 4: float("inf")})
    with ColumnCache() as cache:
        found = cache.columns(run, "val/loss")
        assert cache.columns(run, "val/accuracy").values.size == 0
    assert found.values.tolist() == [3.0, float("inf")]
    told = {name: found.count(name).tolist() for name in COUNTS}
    assert (told["step"], told["epoch"]) == ([2, 4], [1, 2])
    np.testing.assert_array_equal(told["task"], [1, np.nan])
    np.testing.assert_array_equal(told["tokens"], [np.nan, np.nan])


def test_a_grown_run_is_read_on_and_a_rewritten_one_anew(run: Run) -> None:
    written(run, {1: 3.0, 2: 2.0})
    assert values(run) == values(run) == [3.0, 2.0]
    written(run, {3: 1.0}, resumed_from=2)
    assert values(run) == [3.0, 2.0, 1.0]
    written(run, {2: 0.5}, resumed_from=1)
    assert values(run) == values(run) == [3.0, 0.5]
    record = run.folder / "metrics.jsonl"
    with record.open("ab") as file:
        file.write(b'{"step": 3, "val/loss": 0.25')
    assert values(run) == [3.0, 0.5]
    with record.open("ab") as file:
        file.write(b"}\n")
    assert values(run) == [3.0, 0.5, 0.25]
    record.write_text('{"step": 1, "val/loss": 7.0}\n' * 400)
    assert values(run) == [7.0] * 400


def test_it_is_read_from_the_cache_and_not_from_the_record(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    written(run, {1: 3.0})
    assert values(run) == [3.0]
    monkeypatch.setattr("seqlab.journal.column_cache.read_columns", None)
    assert values(run) == [3.0]


def test_a_cache_that_is_damaged_or_cannot_be_is_done_without(run: Run, place: Path) -> None:
    written(run, {1: 3.0})
    place.parent.mkdir()
    place.write_text("no database at all, but longer than a header of one would be" * 20)
    assert values(run) == values(run) == [3.0]
    assert place.read_bytes().startswith(b"SQLite")
    place.unlink()
    place.mkdir()
    assert values(run) == [3.0]
