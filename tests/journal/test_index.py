"""The index knows of every run what its files say, and notices when they change."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from seqlab.journal import LabBook, Run
from seqlab.journal import known as known_module
from seqlab.journal.facts import row_facts
from seqlab.journal.index import Index
from seqlab.journal.where import select


def finished(book: LabBook, name: str, lr: float = 1e-3) -> Run:
    run = book.create({"optim": {"lr": lr}, "seed": 1}, name=name, origin={"recipe": "demo:letters"}, why="to know")
    with run.attempt() as attempt:
        attempt.log(step=1, **{"train/loss": 2.0, "val/loss": float("nan")})
    return run


def test_it_says_what_the_run_says(book: LabBook, tmp_path: Path) -> None:
    run = finished(book, "calm-lake-1")
    run.note("it works", "works")
    for index in (Index(book, tmp_path / "cache.sqlite"), Index(book, tmp_path / "cache.sqlite")):  # read, then kept
        (known,) = index.runs()
        assert repr({**row_facts(run, None), "damage": None, "archived": False}) == repr(known.row)
        assert (known.experiment, known.recipe, known.verdict) == (run.experiment, "demo:letters", "works")
        assert known.state() == run.state()


def test_only_what_changed_is_read_again(book: LabBook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [finished(book, f"calm-lake-{number}") for number in (1, 2, 3)]
    place = tmp_path / "cache.sqlite"
    Index(book, place).runs()
    read: list[str] = []
    monkeypatch.setattr(known_module, "row_facts", lambda run, taint: read.append(run.name) or row_facts(run, taint))
    runs[1].tag("new")
    index = Index(book, place)
    assert [known.tags for known in index.runs()] == [[], ["new"], []]
    assert read == ["calm-lake-2"]
    with runs[0].attempt() as attempt:
        attempt.log(step=2, **{"train/loss": 1.0})
        index.forget_time()
        assert index.runs()[0].state().name == "running"
    index.forget_time()
    assert index.runs()[0].state().name == "finished"
    book.archive("calm-lake-3")
    index.forget_time()
    assert {known.name: known.is_archived for known in index.runs()}["calm-lake-3"]


def test_what_is_written_while_it_is_read_is_read_again(
    book: LabBook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finished(book, "calm-lake-1")
    index = Index(book, tmp_path / "cache.sqlite")

    def and_then_tagged(run: Run, taint: str | None) -> dict[str, Any]:
        facts = row_facts(run, taint)
        run.tag("meanwhile")
        return facts

    with monkeypatch.context() as patch:
        patch.setattr(known_module, "row_facts", and_then_tagged)
        assert index.runs()[0].tags == []
    index.forget_time()
    assert index.runs()[0].tags == run.tags == ["meanwhile"]


def test_filters_and_damage(book: LabBook, tmp_path: Path) -> None:
    finished(book, "calm-lake-1", 1e-3)
    finished(book, "calm-lake-2", 1e-1)
    (book.root / "calm-lake-1" / "origin.json").write_text("{torn")
    index = Index(book, tmp_path / "cache.sqlite")
    assert [known.name for known in select(index.runs(), ["optim.lr<1"])] == ["calm-lake-2"]
    assert "damaged" in (index.runs()[0].damage or "")


def test_a_cache_that_cannot_be_used_is_done_without(book: LabBook, tmp_path: Path) -> None:
    finished(book, "calm-lake-1")
    place = tmp_path / "cache.sqlite"
    place.write_bytes(b"no database at all, and longer than a header would be" * 20)
    assert len(Index(book, place).runs()) == 1
    assert len(Index(book, tmp_path / "calm" / "deep" / "cache.sqlite").runs()) == 1
    assert len(Index(book, Path("/proc/none/cache.sqlite")).runs()) == 1
    base = sqlite3.connect(place)
    base.execute("UPDATE runs_1 SET kept = '{}'")
    base.commit()
    base.close()
    assert [known.name for known in Index(book, place).runs()] == ["calm-lake-1"]
