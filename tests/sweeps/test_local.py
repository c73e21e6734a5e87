"""Workers on this machine: slots never booked twice, deaths that are a record, queues that outlive launchers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from made import declared

import seqlab
from seqlab.journal import LabBook
from seqlab.sweeps import crew
from seqlab.sweeps.carry import carry_out_sweep, counts, retry
from seqlab.sweeps.errors import SweepError
from seqlab.sweeps.executors import ExecutorError, find_executor
from seqlab.sweeps.queue import Queue
from seqlab.sweeps.record import Sweep, Trial
from seqlab.sweeps.slots import Slots
from seqlab.sweeps.stopping import request_stop
from seqlab.sweeps.watch import SweepWatch

WORKER = Path(__file__).with_name("stand_in_worker.py")
PATIENCE = 30.0


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four cores, no device, and workers that train nothing."""
    monkeypatch.setattr(crew, "WORKER", (sys.executable, str(WORKER)))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    monkeypatch.setenv("PYTHONPATH", str(Path(seqlab.__file__).parents[1]))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


class Told(SweepWatch):
    """Keeps the messages."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def message(self, text: str) -> None:
        self.messages.append(text)


def asked(book: LabBook, *does: str, name: str = "lrs") -> Sweep:
    return declared(book, name, [{"do": do, "number": number} for number, do in enumerate(does)], [0])


def notes(sweep: Sweep) -> list[list[str]]:
    """What the workers noted: begins or ends, trial, process, device, threads."""
    file = sweep.folder / "notes.txt"
    return [line.split() for line in file.read_text().splitlines()] if file.exists() else []


def most_at_once(lines: Sequence[Sequence[str]], by: Callable[[Sequence[str]], str]) -> dict[str, int]:
    """For every value of `by`, how many trials were at work at the same time at most."""
    now: dict[str, int] = {}
    most: dict[str, int] = {}
    for line in lines:
        now[by(line)] = now.get(by(line), 0) + (1 if line[0] == "begins" else -1)
        most[by(line)] = max(most.get(by(line), 0), now[by(line)])
    return most


def until(is_true: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not is_true():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_warm_workers_share_the_trials_and_the_cores(book: LabBook) -> None:
    sweep = asked(book, *["work"] * 12)
    carry_out_sweep(sweep, find_executor("local", slots=2))
    assert counts(sweep) == {"finished": 12}
    assert len({line[2] for line in notes(sweep)}) <= 2
    assert {line[4] for line in notes(sweep)} == {"2"}
    assert sorted(line[1] for line in notes(sweep) if line[0] == "begins") == sorted(sweep.trials())
    assert max(most_at_once(notes(sweep), lambda line: "all").values()) <= 2


def test_devices_are_isolated_and_never_booked_twice(book: LabBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a,GPU-b,GPU-c")
    sweep = asked(book, *["work"] * 20)
    carry_out_sweep(sweep, find_executor("local"))
    assert counts(sweep) == {"finished": 20}
    assert {line[3] for line in notes(sweep)} <= {"GPU-a", "GPU-b", "GPU-c"}
    assert set(most_at_once(notes(sweep), lambda line: line[3]).values()) == {1}
    assert {line[4] for line in notes(sweep)} == {"1"}


def test_two_sweeps_do_not_take_the_same_device(book: LabBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    slots = Slots.of(None, 5, on_devices=True)
    first, second = slots.take(), slots.take()
    assert first is not None
    assert second is not None
    assert {first.environment["CUDA_VISIBLE_DEVICES"], second.environment["CUDA_VISIBLE_DEVICES"]} == {"0", "1"}
    assert Slots.of(None, 5, on_devices=True).take() is None
    first.release()
    again = Slots.of(1, 5, on_devices=True)
    assert again.threads == 4
    assert again.take() is None  # two cores are held with the other device
    assert slots.take() is not None


def test_more_slots_than_there_are_is_a_sentence(book: LabBook, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = asked(book, "work")
    with pytest.raises(SweepError, match="5 slots need 5 cores and this machine has 4"):
        carry_out_sweep(sweep, find_executor("local", slots=5))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    with pytest.raises(SweepError, match="2 slots need 2 devices and this machine has 1"):
        carry_out_sweep(sweep, find_executor("local", slots=2))
    with pytest.raises(SweepError, match="there is no engine `locl` to run on; did you mean `local`"):
        find_executor("locl")
    with pytest.raises(ExecutorError, match="has no place `here`"):
        carry_out_sweep(sweep, find_executor("local:here"))


def test_a_trial_that_kills_its_worker_is_tried_twice_and_recorded(book: LabBook) -> None:
    sweep, told = asked(book, "work", "die", "work", "work"), Told()
    carry_out_sweep(sweep, find_executor("local", slots=2), told)
    assert counts(sweep) == {"finished": 3, "crashed": 1}
    assert [line[1] for line in notes(sweep) if line[0] == "begins"].count("cell1-0") == 2
    assert sum("killed by SIGKILL" in message for message in told.messages) == 2


def test_a_worker_that_cannot_work_ends_the_sweep_with_its_sentence(book: LabBook) -> None:
    sweep = asked(book, "fail", "fail")
    with pytest.raises(ExecutorError, match=r"a worker of lrs failed: the disk is full \(.*workers.log"):
        carry_out_sweep(sweep, find_executor("local", slots=1))
    assert counts(sweep) == {"waiting": 2}


def test_torchrun_gives_the_whole_machine_to_one_run_after_the_other(book: LabBook) -> None:
    sweep = asked(book, *["work"] * 3)
    carry_out_sweep(sweep, find_executor("torchrun"))
    assert counts(sweep) == {"finished": 3}
    assert {line[4] for line in notes(sweep)} == {"4"}
    assert most_at_once(notes(sweep), lambda line: "all") == {"all": 1}
    several = Sweep(book, "several")
    trial = Trial("cell-0", "cell", 0, {})
    several.extend([trial], {"cell": {"distribution": {"processes": 2}}}, {})
    with pytest.raises(ExecutorError, match="a cell of several asks for 2 processes; add --on torchrun"):
        carry_out_sweep(several, find_executor("local"))
    with pytest.raises(ExecutorError, match="leave --slots 2 out"):
        carry_out_sweep(several, find_executor("torchrun", slots=2))


def launcher(sweep: Sweep) -> subprocess.Popen[bytes]:
    """Another process that carries out the sweep."""
    program = (
        "import os, sys; from seqlab.sweeps import crew; from seqlab.sweeps.executors import find_executor\n"
        "from seqlab.sweeps.carry import carry_out_sweep; from seqlab.sweeps.record import Sweep\n"
        "from seqlab.journal import LabBook; os.sched_getaffinity = lambda _: {0, 1, 2, 3}\n"
        f"crew.WORKER = (sys.executable, {str(WORKER)!r})\n"
        f"carry_out_sweep(Sweep.open(LabBook({str(sweep.book.root)!r}), 'lrs'), find_executor('local', 2))\n"
    )
    return subprocess.Popen([sys.executable, "-c", program])


def test_the_queue_outlives_its_launcher(book: LabBook) -> None:
    """Killed in mid-run: its workers go on, and whoever continues neither repeats nor forgets a trial."""
    sweep = asked(book, "hold", "hold", *["work"] * 4)
    killed = launcher(sweep)
    until(lambda: len(notes(sweep)) == 2)
    killed.kill()
    killed.wait()
    assert counts(sweep) == {"running": 2, "waiting": 4}
    (sweep.folder / "go").touch()
    carry_out_sweep(sweep, find_executor("local", slots=2))
    assert counts(sweep) == {"finished": 6}
    begun = [line[1] for line in notes(sweep) if line[0] == "begins"]
    assert sorted(begun) == sorted(sweep.trials())


def test_ctrl_c_hands_back_what_runs(book: LabBook) -> None:
    sweep = asked(book, "hold", "hold", "work")
    stopped = launcher(sweep)
    until(lambda: len(notes(sweep)) == 2)
    stopped.send_signal(signal.SIGINT)
    assert stopped.wait(PATIENCE) == 0
    assert counts(sweep) == {"waiting": 3}


def test_a_stop_ends_the_launcher(book: LabBook) -> None:
    sweep = asked(book, "hold", "hold", "work")
    stopped = launcher(sweep)
    until(lambda: len(notes(sweep)) == 2)
    request_stop(sweep)
    assert stopped.wait(PATIENCE) == 0
    assert counts(sweep) == {"waiting": 3}
    (sweep.folder / "go").touch()
    carry_out_sweep(sweep, find_executor("local"))
    assert counts(sweep) == {"finished": 3}


def test_what_ended_without_a_result_is_tried_again_when_asked(book: LabBook) -> None:
    sweep = asked(book, "work", "work")
    queue, first = Queue(sweep), next(iter(sweep.trials().values()))
    queue.ended(first, "failed", "a bug")
    carry_out_sweep(sweep, find_executor("local"))
    assert counts(sweep) == {"failed": 1, "finished": 1}
    assert first in retry(sweep)
    carry_out_sweep(sweep, find_executor("local"))
    assert [line[1] for line in notes(sweep) if line[0] == "begins"].count(first.id) == 1
    assert counts(sweep)["finished"] == 2
