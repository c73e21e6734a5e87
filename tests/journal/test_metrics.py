"""Reading metrics: last, best, curves, tails; torn, damaged and superseded lines; speed."""

import json
import math
import os
from pathlib import Path

import pytest

from seqlab.journal import LabBook, Run, where
from seqlab.journal.digest import Digest
from seqlab.journal.lines import read_backward, read_lines
from seqlab.journal.metrics import Metrics


def line(step: int, **metrics: float) -> str:
    return json.dumps({"attempt": 1, "step": step, **metrics}) + "\n"


def loss(step: int, value: float) -> str:
    return line(step, **{"val/loss": value})


def mark(attempt: int, resumed_from: int | None) -> str:
    return json.dumps({"attempt": attempt, "resumed_from": resumed_from}) + "\n"


def written(folder: Path, *lines: str) -> Metrics:
    (folder / "metrics.jsonl").write_text("".join(lines))
    return Metrics(folder)


def test_last_and_best(run: Run) -> None:
    with run.attempt() as attempt:
        for step, value, accuracy in ((1, 3.0, 0.2), (2, 1.0, 0.9), (3, 2.0, 0.9)):
            attempt.log(step=step, **{"val/loss": value, "val/accuracy": accuracy})
        assert run.metrics.last == {"val/loss": 2.0, "val/accuracy": 0.9}
    expected = {"val/loss": {"value": 1.0, "step": 2}, "val/accuracy": {"value": 0.9, "step": 2}}
    assert run.metrics.best == expected
    assert Metrics(run.folder).best == expected
    assert run.metrics.step == 3


def test_what_json_lacks_comes_back(run: Run) -> None:
    values = [math.nan, math.inf, -math.inf, 1.0]
    with run.attempt() as attempt:
        for step, value in enumerate(values):
            attempt.log(step=step, **{"train/loss": value})
    text = (run.folder / "metrics.jsonl").read_text()
    assert '"nan"' in text
    assert "NaN" not in text
    back = run.metrics.curve("train/loss")[1]
    assert math.isnan(back[0])
    assert back[1:] == values[1:]
    assert run.metrics.best["train/loss"] == {"value": 1.0, "step": 3}
    assert math.isnan(run.metrics.tail(4)[0]["train/loss"])


def test_superseded_lines_are_dropped_everywhere(tmp_path: Path) -> None:
    metrics = written(
        tmp_path,
        mark(1, None), loss(1, 5.0), loss(2, 4.0), loss(3, 0.1),
        mark(2, 2), loss(3, 3.0), loss(4, 2.0),
        mark(3, 3), loss(4, 2.5),
    )  # fmt: skip
    assert metrics.curve("val/loss") == ([1, 2, 3, 4], [5.0, 4.0, 3.0, 2.5])
    assert [record["step"] for record in metrics.lines()] == [1, 2, 3, 4]
    assert [record["val/loss"] for record in metrics.tail(3)] == [4.0, 3.0, 2.5]
    assert metrics.best["val/loss"] == {"value": 2.5, "step": 4}
    assert metrics.last["val/loss"] == 2.5


def test_a_run_begun_anew_drops_everything_before(tmp_path: Path) -> None:
    metrics = written(tmp_path, mark(1, None), loss(0, 0.1), line(1, **{"a/b": 1.0}), mark(2, None), loss(1, 7.0))
    assert metrics.last == {"val/loss": 7.0}
    assert metrics.best == {"val/loss": {"value": 7.0, "step": 1}}
    assert metrics.tail(9) == [{"attempt": 1, "step": 1, "val/loss": 7.0}]


def test_an_attempt_that_logs_nothing_takes_nothing_away(run: Run) -> None:
    with run.attempt() as attempt:
        for step in (1, 2, 3):
            attempt.log(step=step, **{"val/loss": 1.0 / step})
    with run.attempt():
        pass
    assert run.metrics.curve("val/loss")[0] == [1, 2, 3]
    with run.attempt() as attempt:  # begins anew
        attempt.log(step=1, **{"val/loss": 2.0})
    assert run.metrics.curve("val/loss") == ([1], [2.0])


def test_a_loop_may_say_where_it_goes_on_once_it_holds_the_lease(run: Run) -> None:
    with run.attempt() as attempt:
        for step in (1, 2, 3):
            attempt.log(step=step, **{"val/loss": 1.0 / step})
    with run.attempt() as attempt:
        attempt.rewind(2)
        attempt.log(step=3, **{"val/loss": 0.3})
        attempt.rewind(1)  # rolls back
        attempt.log(step=2, **{"val/loss": 0.7})
    assert run.metrics.curve("val/loss") == ([1, 2], [1.0, 0.7])
    assert run.metrics.best["val/loss"] == {"value": 0.7, "step": 2}


@pytest.mark.parametrize("resumed_from", [None, 0, 2, 3, 9])
def test_following_a_run_equals_reading_it_whole(tmp_path: Path, resumed_from: int | None) -> None:
    lines = [mark(1, None), loss(1, 1.0), loss(2, 0.5), loss(3, 0.2), mark(2, resumed_from), loss(4, 0.7)]
    follower = Metrics(tmp_path)
    for count in range(len(lines) + 1):
        written(tmp_path, *lines[:count])
        whole = Digest()
        whole.extend(tmp_path / "metrics.jsonl")
        assert follower.digest().to_json() == whole.to_json()


def test_a_stale_summary_is_completed_from_its_offset(tmp_path: Path) -> None:
    metrics = written(tmp_path, mark(1, None), loss(1, 5.0))
    saved = metrics.digest().to_json()
    saved["best"]["val/loss"]["value"] = 4.5  # a sign that the old lines are not read again
    (tmp_path / "summary.json").write_text(json.dumps({"metrics": saved}))
    metrics = written(tmp_path, mark(1, None), loss(1, 5.0), loss(2, 4.8))
    assert metrics.best["val/loss"] == {"value": 4.5, "step": 1}
    assert metrics.last["val/loss"] == 4.8
    metrics = written(tmp_path, mark(1, None))  # shorter than the summary says: read whole
    assert metrics.last == {}


def test_a_torn_last_line_waits(tmp_path: Path) -> None:
    metrics = written(tmp_path, mark(1, None), loss(1, 5.0), loss(2, 4.0)[:-5])
    assert metrics.last == {"val/loss": 5.0}
    assert metrics.damaged == 0
    assert [record["step"] for record in metrics.tail(5)] == [1]
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write(loss(2, 4.0)[-5:])
    assert metrics.last == {"val/loss": 4.0}


def test_a_torn_line_does_not_glue_to_the_next_attempt(run: Run) -> None:
    with run.attempt() as attempt:
        attempt.log(step=1, **{"val/loss": 5.0})
        attempt.log(step=2, **{"val/loss": 4.5})
    for name in ("metrics.jsonl", "events.jsonl", "notes.jsonl"):
        with (run.folder / name).open("a") as file:
            file.write('{"attempt": 1, "step": 3, "val/lo')
    run.note("still legible")
    with run.attempt(resumed_from=1) as attempt:
        attempt.log(step=2, **{"val/loss": 4.0})
        attempt.event("hello")
    assert run.metrics.curve("val/loss") == ([1, 2], [5.0, 4.0])
    assert run.metrics.damaged == 1
    assert [event["kind"] for event in run.events()] == ["hello"]
    assert [note.text for note in run.notes()] == ["still legible"]


def test_damaged_lines_are_counted_and_passed_over(tmp_path: Path) -> None:
    bad = ["{]\n", "[1]\n", "\n", '{"a": 1}\n', "\x00\x00\n"]
    metrics = written(tmp_path, mark(1, None), *bad, loss(1, 5.0))
    assert metrics.last == {"val/loss": 5.0}
    assert metrics.damaged == len(bad)
    assert [record["step"] for record in metrics.tail(3)] == [1]


@pytest.mark.parametrize("ending", ["", "{torn", '{"step": 9}'])
@pytest.mark.parametrize("block", [1, 2, 7, 64, 1 << 16])
def test_backward_reading_is_forward_reading_reversed(
    tmp_path: Path, block: int, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seqlab.journal.lines._BLOCK", block)
    path = tmp_path / "metrics.jsonl"
    for count in range(4):
        path.write_text("".join(loss(step, 1.0) for step in range(count)) + ending)
        assert list(read_backward(path)) == read_lines(path).records[::-1]
        assert len(read_lines(path).records) == count


def test_no_metrics_yet(run: Run) -> None:
    assert (run.metrics.last, run.metrics.best, run.metrics.step) == ({}, {}, None)
    assert (run.metrics.curve("a/b"), run.metrics.tail(3)) == (([], []), [])


@pytest.fixture
def bytes_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The bytes of every read from now on. Times are `seqlab bench start`'s."""
    counts: list[int] = []
    pread = os.pread

    def counted(descriptor: int, size: int, offset: int) -> bytes:
        found = pread(descriptor, size, offset)
        counts.append(len(found))
        return found

    monkeypatch.setattr(os, "pread", counted)
    return counts


def test_a_long_run_is_read_once_and_then_from_its_summary(run: Run, bytes_read: list[int]) -> None:
    with run.attempt() as attempt:
        attempt.log(step=1, **{"train/loss": 2.0})
    row = (run.folder / "metrics.jsonl").read_text().splitlines()[1]
    rows = (row.replace('"step":1', f'"step":{step}') + "\n" for step in range(2, 100_001))
    with (run.folder / "metrics.jsonl").open("a") as file:
        file.writelines(rows)

    def look() -> None:
        metrics = Metrics(run.folder)
        assert metrics.last == {"train/loss": 2.0}
        assert len(metrics.tail(20)) == 20

    (run.folder / "summary.json").unlink()
    size = (run.folder / "metrics.jsonl").stat().st_size
    bytes_read.clear()
    look()
    assert size <= sum(bytes_read) < 1.1 * size
    with run.attempt(resumed_from=100_000):
        pass
    bytes_read.clear()
    look()
    assert 0 < sum(bytes_read) < 0.05 * size


def test_a_thousand_runs_are_listed_from_their_summaries(book: LabBook, run: Run, bytes_read: list[int]) -> None:
    with run.attempt() as attempt:
        attempt.log(step=1, **{"train/loss": 2.0})
    names = ("experiment.json", "origin.json", "metrics.jsonl", "summary.json", "attempts/1/exit.json")
    contents = {name: (run.folder / name).read_bytes() for name in names}
    for number in range(999):
        (book.root / f"run-{number}" / "attempts" / "1").mkdir(parents=True)
        for name, content in contents.items():
            (book.root / f"run-{number}" / name).write_bytes(content)

    def listing() -> None:
        chosen = where.select(book.runs(), ["optim.lr<=1e-3"])
        rows = [(one.name, one.state().name, one.metrics.last["train/loss"]) for one in chosen]
        assert len(rows) == 1000

    bytes_read.clear()
    listing()
    assert 0 < sum(bytes_read) < 1.1 * 1000 * sum(map(len, contents.values()))
