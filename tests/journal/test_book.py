"""Making, finding, naming and putting away runs."""

import errno
import json
import os
from pathlib import Path

import pytest

from seqlab.journal import DiskFull, JournalError, LabBook, ReadOnly, Run, RunBusy, RunExists, RunNotFound, names


def test_a_run_holds_what_it_was_made_with(book: LabBook) -> None:
    run = book.create(
        {"seed": 3},
        origin={"argv": ["seqlab", "run"]},
        sources={"mine.py": b"x = 1\n"},
        tags=["demo"],
        why="to see",
        parent={"run": "old-oak-1", "step": 7},
    )
    again = book.open(run.name)
    assert again.experiment == {"seed": 3}
    assert again.origin["argv"] == ["seqlab", "run"]
    assert (again.tags, again.why, again.parent) == (["demo"], "to see", {"run": "old-oak-1", "step": 7})
    assert (again.folder / "source" / "mine.py").read_bytes() == b"x = 1\n"
    assert again.state().name == "queued"
    assert again.created.endswith("+00:00")


def test_names_are_two_words_and_a_number(book: LabBook) -> None:
    made = [book.create({}, origin={}).name for _ in range(5)]
    assert len(set(made)) == 5
    for name in made:
        first, second, number = name.split("-")
        assert first.isalpha()
        assert second.isalpha()
        assert 1 <= int(number) <= 99


def test_naming_does_not_disturb_seeded_generators() -> None:
    import random

    random.seed(0)
    expected = random.random()
    random.seed(0)
    names.fresh(())
    assert random.random() == expected


def test_a_fresh_name_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = iter([b"\0" * 8, b"\0" * 8, b"\0" * 7 + b"\1"])
    monkeypatch.setattr("seqlab.journal.names.os.urandom", lambda count: next(draws))
    first = names.fresh(())
    assert names.fresh({first}) != first


def test_a_taken_name_is_refused(book: LabBook, run: Run) -> None:
    with pytest.raises(RunExists, match=r"already a run calm-lake-1 in .*; choose another name"):
        book.create({}, name=run.name, origin={})
    book.archive(run.name)
    with pytest.raises(RunExists):
        book.create({}, name=run.name, origin={})


@pytest.mark.parametrize("name", ["", "a b", "../x", ".hidden", "a/b", "ü", "-x", "x" * 101])
def test_a_name_that_is_no_word_is_refused(book: LabBook, name: str) -> None:
    with pytest.raises(JournalError, match="cannot name a run"):
        book.create({}, name=name, origin={})
    assert not book.root.exists()


@pytest.mark.parametrize("filename", ["../x.py", "/tmp/x.py"])
def test_a_source_stays_inside_the_run(book: LabBook, filename: str) -> None:
    with pytest.raises(JournalError, match="would leave the run folder"):
        book.create({}, origin={}, sources={filename: b""})
    assert list(book.root.iterdir()) == []


def test_a_run_is_made_completely_or_not_at_all(book: LabBook, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("seqlab.journal.files.os.fsync", full)
        with pytest.raises(DiskFull, match="the disk is full; free some space"):
            book.create({}, origin={})
    assert list(book.root.iterdir()) == []
    with pytest.raises(JournalError, match="hand in plain JSON values"):
        book.create({"object": object()}, origin={})
    assert list(book.root.iterdir()) == []


def test_a_read_only_folder_is_one_sentence(book: LabBook, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_writing(monkeypatch)
    for write in (
        lambda: book.create({}, origin={}),
        lambda: run.note("hello"),
        lambda: book.rename(run.name, "new-name-1"),
        lambda: run.attempt().__enter__(),
    ):
        with pytest.raises(ReadOnly, match="SEQLAB_RUNS") as caught:
            write()
        assert "\n" not in str(caught.value)


def test_a_read_only_folder_can_be_read(book: LabBook, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with run.attempt() as attempt:
        attempt.log(step=1, **{"train/loss": 1.0})
    run.note("fine", "works")
    forbid_writing(monkeypatch)
    [seen] = book.runs()
    assert seen.state().name == "finished"
    assert seen.metrics.last == {"train/loss": 1.0}
    assert seen.metrics.curve("train/loss") == ([1], [1.0])
    assert (seen.verdict, seen.tags, seen.size()["metrics.jsonl"] > 0) == ("works", [], True)


def forbid_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a read-only file system; tests may run as root, whom permissions do not stop."""
    true_open, true_mkdir = os.open, os.mkdir

    def only_reading(path: object, flags: int, *rest: int, **more: int) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        return true_open(path, flags, *rest, **more)  # type: ignore[call-overload, no-any-return]

    def no_mkdir(path: object, *rest: int, **more: int) -> None:
        if not os.path.isdir(str(path)):  # noqa: PTH112
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        true_mkdir(path, *rest, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "open", only_reading)
    monkeypatch.setattr(os, "mkdir", no_mkdir)


def test_an_unknown_name_says_where_it_looked_and_what_is_near(book: LabBook, run: Run) -> None:
    with pytest.raises(RunNotFound, match=f"no run 'clam-lake-1' in {book.root}; did you mean calm-lake-1"):
        book.open("clam-lake-1")
    with pytest.raises(RunNotFound, match="there is no lab book at"):
        LabBook(book.root / "elsewhere").open("clam-lake-1")


def test_a_run_opens_by_its_path(book: LabBook, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    other = LabBook(book.root / "elsewhere")
    assert other.open(run.folder).name == run.name
    monkeypatch.chdir(book.root.parent)
    assert other.open("runs/calm-lake-1").folder == run.folder


def test_the_default_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SEQLAB_RUNS", str(tmp_path / "there"))
    assert LabBook().root == tmp_path / "there"
    monkeypatch.delenv("SEQLAB_RUNS")
    monkeypatch.chdir(tmp_path)
    assert LabBook().root == tmp_path / "runs"


def test_only_runs_are_listed_oldest_first(book: LabBook) -> None:
    made = [book.create({}, name=name, origin={}).name for name in ("c", "a", "b")]
    (book.root / ".sweeps" / "x").mkdir(parents=True)
    (book.root / "no-run").mkdir()
    assert [run.name for run in book.runs()] == made


def test_rename(book: LabBook, run: Run) -> None:
    run.note("before")
    renamed = book.rename(run.name, "new-name-2")
    assert [one.name for one in book.runs()] == ["new-name-2"]
    assert renamed.former_names() == ["calm-lake-1"]
    assert [note.text for note in renamed.notes()] == ["before"]
    with pytest.raises(RunNotFound, match="it was renamed to new-name-2"):
        book.open("calm-lake-1")
    other = book.create({}, origin={})
    with pytest.raises(RunExists):
        book.rename(other.name, "new-name-2")


def test_archive_and_back(book: LabBook, run: Run) -> None:
    archived = book.archive(run.name)
    assert archived.folder == book.root / ".archive" / run.name
    assert book.runs() == []
    assert [one.name for one in book.runs(archived=True)] == [run.name]
    assert book.open(run.name).experiment["seed"] == 1
    with pytest.raises(JournalError, match=r"not in .*; move it there first"):
        book.rename(run.name, "x")
    assert book.unarchive(run.name).folder == run.folder
    with pytest.raises(RunNotFound):
        book.unarchive(run.name)


def test_a_running_run_stays_where_it_is(book: LabBook, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqlab.journal.lease._PATIENCE", 0.02)
    with run.attempt():
        for move in (lambda: book.archive(run.name), lambda: book.rename(run.name, "x")):
            with pytest.raises(RunBusy, match="seqlab stop calm-lake-1"):
                move()
    assert book.open(run.name).folder == run.folder


def test_a_damaged_file_is_named(run: Run) -> None:
    (run.folder / "experiment.json").write_text('{"optim": ')
    with pytest.raises(JournalError, match=r"experiment\.json is damaged .*restore it from a copy"):
        _ = run.experiment


def test_saved_files_are_plain_json(run: Run) -> None:
    assert json.loads((run.folder / "experiment.json").read_text()) == {"optim": {"lr": 1e-3}, "seed": 1}
