"""Writing: leases, ends, kills, full disks."""

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seqlab.journal import DiskFull, JournalError, Run, RunBusy, clock, lease

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


def test_after_sigkill_the_run_is_crashed_and_resumes_at_once(run: Run, train: Train) -> None:
    process = train(run)
    assert run.state().name == "running"
    process.kill()
    process.wait()
    state = run.state()
    assert state.name == "crashed"
    assert f"pid {process.pid}" in state.evidence
    with run.attempt(resumed_from=3) as attempt:
        assert attempt.number == 2
        assert run.state().name == "running"
    assert run.metrics.curve("train/loss") == ([1, 2, 3], [9.0, 8.0, 7.0])


def test_a_process_that_is_dead_but_not_yet_buried_is_not_running(run: Run, train: Train) -> None:
    process = train(run)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # a zombie
    assert run.state().name == "crashed"
    [record] = run.attempts()
    assert lease.process_is_gone(record["lease"])


def test_of_two_processes_the_second_is_refused(run: Run, train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqlab.journal.lease._PATIENCE", 0.02)
    process = train(run)
    with pytest.raises(RunBusy) as caught, run.attempt(resumed_from=2):
        pass
    assert str(caught.value).startswith(f"calm-lake-1 is being trained by pid {process.pid} on ")
    assert str(caught.value).endswith("stop it with `seqlab stop calm-lake-1`")
    assert len(run.attempts()) == 1


def test_readers_do_not_disturb_a_starting_writer(run: Run) -> None:
    descriptor = os.open(run.folder / "lock", os.O_RDONLY)
    import fcntl
    import threading

    fcntl.flock(descriptor, fcntl.LOCK_SH)
    threading.Timer(0.1, os.close, [descriptor]).start()
    with run.attempt():
        assert run.state().name == "running"


def test_stop_is_asked_for_and_obeyed_once(run: Run, train: Train) -> None:
    with pytest.raises(JournalError, match=r"calm-lake-1 is not running \(queued"):
        run.request_stop()
    process = train(run)
    run.request_stop()
    assert process.wait(5) == 0
    assert run.state().name == "stopped"
    with run.attempt(resumed_from=5) as attempt:
        assert not attempt.stop_requested()


def test_a_forked_child_neither_keeps_the_lease_nor_ends_the_attempt(run: Run) -> None:
    read_end, write_end = os.pipe()
    trainer = os.fork()
    if trainer == 0:
        try:
            with run.attempt():
                if os.fork() == 0:  # as a data worker does; it outlives its parent
                    os.write(write_end, b"w")
                    signal.pause()
                os.write(write_end, b"t")
                signal.pause()
        finally:
            os._exit(0)
    os.close(write_end)
    assert os.read(read_end, 1) + os.read(read_end, 1) in (b"wt", b"tw")
    children = Path(f"/proc/{trainer}/task/{trainer}/children").read_text().split()
    os.kill(trainer, signal.SIGKILL)
    os.waitpid(trainer, 0)
    try:
        assert not lease.is_held(run.folder)
        assert run.state().name == "crashed"
    finally:
        for child in children:
            os.kill(int(child), signal.SIGKILL)


def test_a_child_that_leaves_the_block_writes_nothing(run: Run) -> None:
    with run.attempt():
        child = os.fork()
        if child == 0:
            try:
                run_attempt_exit_in_child(run)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        assert run.state().name == "running"


def run_attempt_exit_in_child(run: Run) -> None:
    import gc

    from seqlab.journal import Attempt

    [attempt] = [thing for thing in gc.get_objects() if isinstance(thing, Attempt) and thing._run == run.folder]
    attempt.__exit__(None, None, None)


def test_another_machine_without_a_sign_of_life_is_lost(run: Run) -> None:
    facts = elsewhere(run)
    assert run.state().name == "running"
    os.utime(facts, (0, 0))
    for name in ("metrics.jsonl", "events.jsonl"):
        os.utime(run.folder / name, (0, 0))
    state = run.state()
    assert state.name == "lost"
    assert "on another-machine" in state.evidence


def test_a_dead_process_is_known_although_the_machine_changed_its_name(run: Run, train: Train) -> None:
    process = train(run)
    process.kill()
    process.wait()
    path = run.folder / "attempts" / "1" / "lease.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "host": "its-old-name"}))
    assert run.state().name == "crashed"


def elsewhere(run: Run) -> Path:
    """Make the run look as if a process on another machine had begun it."""
    with run.attempt() as attempt:
        pass
    (attempt.folder / "exit.json").unlink()
    facts = json.loads((attempt.folder / "lease.json").read_text())
    (attempt.folder / "lease.json").write_text(json.dumps({**facts, "host": "another-machine", "pid_space": "x"}))
    return attempt.folder / "lease.json"


def test_a_reused_pid_is_not_the_old_process(run: Run) -> None:
    facts = {**lease.facts(), "process_start_ticks": 1}
    assert lease.process_is_gone(facts)
    assert not lease.process_is_gone(lease.facts())


def test_an_attempt_that_cannot_begin_gives_the_lease_back(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise DiskFull("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("seqlab.journal.attempt.write_bytes", full)
        with pytest.raises(DiskFull), run.attempt():
            pass
    assert run.state().name == "crashed"
    with run.attempt() as attempt:
        assert attempt.number == 2


def test_an_end_between_two_looks_is_seen(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with run.attempt() as attempt:
        pass
    hidden = (attempt.folder / "exit.json").rename(attempt.folder / "later.json")

    def ends_now(folder: Path) -> bool:
        hidden.rename(attempt.folder / "exit.json")
        return False

    monkeypatch.setattr("seqlab.journal.lease.is_held", ends_now)
    assert run.state().name == "finished"


def test_an_attempt_killed_while_it_starts_is_crashed(run: Run) -> None:
    (run.folder / "attempts" / "1").mkdir(parents=True)
    assert run.state().name == "crashed"
    with run.attempt() as attempt:
        assert attempt.number == 2


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
