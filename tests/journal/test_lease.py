"""Who trains a run, and what state it is in: kills, rivals, readers, forks, other machines."""

import fcntl
import gc
import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from seqlab.journal import Attempt, DiskFull, JournalError, Run, RunBusy, lease

Train = Callable[..., "subprocess.Popen[str]"]


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
        attempt.log(step=4, **{"train/loss": 6.5})
    assert run.metrics.curve("train/loss") == ([1, 2, 3, 4], [9.0, 8.0, 7.0, 6.5])


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
    assert run.state().name == "disk_full"
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
