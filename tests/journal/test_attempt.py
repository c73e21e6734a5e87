"""Writing: the protocol, ends, full disks, wall seconds."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seqlab.journal import DiskFull, JournalError, Run, clock

Train = Callable[..., "subprocess.Popen[str]"]


def exit_file(run: Run, number: int = 1) -> dict[str, object]:
    loaded = json.loads((run.folder / "attempts" / str(number) / "exit.json").read_text())
    assert isinstance(loaded, dict)
    return loaded


def test_an_attempt_writes_the_protocol(run: Run) -> None:
    with run.attempt(origin={"threads": 2}) as attempt:
        assert run.state().name == "running"
        attempt.log(step=1, epoch=0.5, tokens=64, **{"train/loss": 2.0})
        attempt.event("checkpoint", step=1)
        attempt.finish("finished", reason="the budget of 1 step")
    first, line = (json.loads(text) for text in (run.folder / "metrics.jsonl").read_text().splitlines())
    assert first == {"attempt": 1, "resumed_from": None}
    assert line.pop("wall_seconds") > 0
    assert line == {
        "attempt": 1, "step": 1, "epoch": 0.5, "task": None, "tokens": 64, "train/loss": 2.0
    }  # fmt: skip
    state = run.state()
    assert state.name == "finished"
    assert "the budget of 1 step" in state.evidence
    [event] = run.events()
    assert (event["kind"], event["step"], event["attempt"]) == ("checkpoint", 1, 1)
    [record] = run.attempts()
    assert record["origin"] == {"threads": 2}
    assert record["lease"]["pid"] == os.getpid()
    assert not (attempt.folder / "ballast").exists()
    assert attempt.stdout == run.folder / "attempts" / "1" / "stdout.log"


def test_a_block_that_ends_is_finished(run: Run) -> None:
    with run.attempt():
        pass
    assert run.state().name == "finished"


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (ValueError("bad number"), "failed"),
        (KeyboardInterrupt(), "stopped"),
        (SystemExit(0), "finished"),
        (SystemExit(3), "failed"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk_full"),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "disk_full"),
    ],
)
def test_the_end_by_an_exception_is_recorded_and_travels_on(run: Run, error: BaseException, state: str) -> None:
    with pytest.raises(type(error)), run.attempt():
        raise error
    assert run.state().name == state
    if state == "failed":
        assert "test_attempt.py" in str(exit_file(run)["evidence"])


def test_a_full_disk_is_judged_by_free_space_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Nearly:
        f_bavail, f_frsize = 3, 4096

    monkeypatch.setattr("seqlab.journal.files.os.statvfs", lambda path: Nearly)
    with pytest.raises(RuntimeError), run.attempt():
        raise RuntimeError("PytorchStreamWriter failed writing file")
    assert run.state().name == "disk_full"


def test_on_a_full_disk_the_ballast_makes_room_for_the_last_words(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    true_write = os.write
    ballast = run.folder / "attempts" / "1" / "ballast"

    def write(descriptor: int, data: bytes) -> int:
        if ballast.exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        return true_write(descriptor, data)

    def train() -> None:
        with run.attempt() as attempt:
            attempt.log(step=1, **{"train/loss": 2.0})
            monkeypatch.setattr(os, "write", write)
            attempt.log(step=2, **{"train/loss": 1.0})

    with pytest.raises(DiskFull, match=r"metrics\.jsonl: the disk is full"):
        train()
    assert run.state().name == "disk_full"
    assert run.metrics.last == {"train/loss": 2.0}


def test_the_ballast_makes_room_for_the_end(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    true_write = os.write
    ballast = run.folder / "attempts" / "1" / "ballast"

    def write(descriptor: int, data: bytes) -> int:
        if ballast.exists():
            raise OSError(errno.EDQUOT, "Disk quota exceeded")
        return true_write(descriptor, data)

    with run.attempt() as attempt:
        monkeypatch.setattr(os, "write", write)
        attempt.finish("finished", reason="the budget")
    assert run.state().name == "finished"
    assert "metrics" in run.summary


def test_a_line_is_written_whole_or_not_at_all(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    true_write = os.write
    with run.attempt() as attempt:
        attempt.log(step=1, **{"train/loss": 2.0})
        room = [10]

        def write(descriptor: int, data: bytes) -> int:
            if not room:
                raise OSError(errno.ENOSPC, "No space left on device")
            return true_write(descriptor, data[: room.pop()])

        with monkeypatch.context() as patch:
            patch.setattr(os, "write", write)
            with pytest.raises(DiskFull):
                attempt.log(step=2, **{"train/loss": 1.0})
        assert (run.folder / "metrics.jsonl").read_bytes().endswith(b"}\n")
        attempt.log(step=3, **{"train/loss": 0.5})
    assert run.metrics.curve("train/loss") == ([1, 3], [2.0, 0.5])
    assert run.metrics.damaged == 0


def test_finish_refuses_an_unknown_end_and_a_second_one(run: Run) -> None:
    with run.attempt() as attempt:
        with pytest.raises(JournalError, match="'done' is no end of an attempt; choose one of finished"):
            attempt.finish("done")
        attempt.finish("diverged", step=3)
        with pytest.raises(JournalError, match="has ended; start a new attempt"):
            attempt.finish("finished")
        with pytest.raises(JournalError, match="has ended"):
            attempt.log(step=4, **{"train/loss": 1.0})
    assert run.state().name == "diverged"


def test_an_error_after_the_end_is_an_event(run: Run) -> None:
    def train() -> None:
        with run.attempt() as attempt:
            attempt.finish("finished")
            raise ValueError("late")

    with pytest.raises(ValueError, match="late"):
        train()
    assert run.state().name == "finished"
    assert run.events()[-1]["error"] == "ValueError: late"


@pytest.mark.parametrize(
    ("metrics", "sentence"),
    [
        ({"loss": 1.0}, "the metric 'loss' names no phase; call it train/loss"),
        ({"train/loss": "1.0"}, "the metric train/loss is '1.0', a str; log one number"),
        ({"train/loss": [1.0]}, r"the metric train/loss is \[1.0\], a list; log one number"),
    ],
)
def test_wrong_metrics_are_refused(run: Run, metrics: dict[str, float], sentence: str) -> None:
    with run.attempt() as attempt, pytest.raises(JournalError, match=sentence):
        attempt.log(step=1, **metrics)
    assert run.metrics.last == {}


def test_wall_seconds_add_up_over_attempts(run: Run, train: Train) -> None:
    with run.attempt() as attempt:
        attempt.log(step=1, wall_seconds=100.0, **{"train/loss": 1.0})
    with run.attempt(resumed_from=1) as attempt:
        pass
    process = train(run, resumed_from=1, steps="[2]")
    process.kill()
    process.wait()
    seconds = run.metrics.tail(1)[0]["wall_seconds"]
    assert 100.0 < seconds < 110.0


def test_an_attempt_that_wrote_nothing_loses_no_seconds(run: Run) -> None:
    for seconds in (300.0, None):
        with run.attempt() as attempt:
            pass
        path = attempt.folder / "exit.json"
        if seconds is None:
            path.unlink()
        else:
            path.write_text(json.dumps({**json.loads(path.read_text()), "wall_seconds": seconds}))
    with run.attempt() as attempt:
        assert 300.0 <= attempt.wall_seconds < 310.0


def test_wall_seconds_count_from_the_start_of_the_process_and_once() -> None:
    code = (
        "import time; time.sleep(0.2); from seqlab.journal import clock\n"
        "first = time.monotonic() - clock.charge(); clock.charged()\n"
        "second = time.monotonic() - clock.charge()\n"
        "print(first > 0.2, second < 0.1)"
    )
    source = str(Path(clock.__file__).parents[2])
    shown = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={**os.environ, "PYTHONPATH": source},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == "True True\n"


def test_summary_keeps_fields_and_refuses_its_own(run: Run) -> None:
    with run.attempt() as attempt:
        attempt.summarise(parameters=10)
        attempt.log(step=1, **{"train/loss": float("nan")})
        attempt.summarise(flops=20)
        with pytest.raises(JournalError, match="keeps 'metrics'"):
            attempt.summarise(metrics=1)
    summary = run.summary
    assert (summary["parameters"], summary["flops"]) == (10, 20)
    assert summary["metrics"]["offset"] == (run.folder / "metrics.jsonl").stat().st_size
