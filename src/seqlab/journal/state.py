"""The state of a run, from evidence only: what an attempt wrote at its end, else who holds the lock.

What was imported from another program's log is `imported`: nobody here saw how it ended.
"""

import time
from pathlib import Path
from typing import Any, NamedTuple

from seqlab.journal import clock, lease, memory
from seqlab.journal.files import read_object

ENDINGS = ("finished", "stopped", "failed", "diverged", "preempted", "timed_out", "disk_full")
STATES = ("queued", "running", *ENDINGS, "crashed", "lost", "imported")
_EXIT_CODES = {"finished": 0, "stopped": 0, "preempted": 75, "timed_out": 75}
_STALE = 600  # seconds without a sign of life after which a process on another machine counts as lost


class State(NamedTuple):
    """One of STATES, and the evidence for it as a sentence."""

    name: str
    evidence: str


def exit_code(state: str) -> int:
    """What a process says of a training that ended so: 0 done, 75 saved and to be resumed, 1 for all else."""
    return _EXIT_CODES.get(state, 1)


def read_state(folder: Path) -> State:
    """The state of the run in `folder`; never "running" for a dead process. Writes nothing."""
    number = lease.last_attempt(folder)
    if number == 0:
        return State("queued", "no attempt yet")
    attempt = folder / "attempts" / str(number)
    ending = read_object(attempt / "exit.json")
    if ending is not None:
        return State(ending["state"], _told(number, ending))
    held = lease.is_held(folder)
    # Once more: the attempt may have ended between the first look and the question to the lock.
    if not held and (ending := read_object(attempt / "exit.json")) is not None:
        return State(ending["state"], _told(number, ending))
    return _unended(folder, number, held)


def _unended(folder: Path, number: int, held: bool) -> State:
    """The state of attempt `number`, which left no exit.json."""
    attempt = folder / "attempts" / str(number)
    facts = read_object(attempt / "lease.json")
    if facts is None:
        if held:
            return State("running", f"attempt {number} is starting: its process holds the lock")
        return State("crashed", f"attempt {number} ended while it was starting: nobody holds the lock")
    who = f"attempt {number}: pid {facts['pid']} on {facts['host']}"
    gone = lease.process_is_gone(facts)
    if held and not gone:
        return State("running", f"{who} holds the lock since {facts['since']}")
    if held:
        return State("crashed", f"{who} is gone without an exit.json; a process that it started holds the lock")
    if gone or lease.is_of_this_machine(facts):
        killed = _perhaps_for_memory(facts)
        return State("crashed", f"{who} is gone without an exit.json: nobody holds the lock{killed}")
    silence = _silence(folder, attempt)
    if silence > _STALE:
        return State("lost", f"{who} gave no sign of life for {silence:.0f} s and left no exit.json")
    return State("running", f"{who} gave a sign of life {max(silence, 0):.0f} s ago")


def sign_of_life_elsewhere(folder: Path, number: int) -> str | None:
    """A sentence when attempt `number` seems to run on another machine, whose lock may not be seen here; else None."""
    attempt = folder / "attempts" / str(number)
    facts = read_object(attempt / "lease.json")
    if facts is None or lease.is_of_this_machine(facts) or (attempt / "exit.json").exists():
        return None
    state = _unended(folder, number, held=False)
    if state.name != "running":
        return None
    return f"{state.evidence}, and counts as lost after {_STALE} s of silence"


def _perhaps_for_memory(facts: dict[str, Any]) -> str:
    """What the kernel's count of kills for lack of memory says of a process that is gone; "" when nothing."""
    before, now = facts.get("kernel_kills"), memory.kernel_kills()
    space = clock.pid_space()
    if before is None or now is None or now <= before or facts["pid_space"] != space:
        return ""
    return f"; the kernel has killed {now - before} for lack of memory on this machine since it began, perhaps this one"


def _told(number: int, ending: dict[str, Any]) -> str:
    """The evidence in an exit.json as text."""
    evidence = ending.get("evidence") or {}
    details = "; ".join(f"{key}: {value}" for key, value in evidence.items() if key != "traceback")
    return f"attempt {number} wrote exit.json at {ending['time']}" + (f" ({details})" if details else "")


def _silence(folder: Path, attempt: Path) -> float:
    """Seconds since the attempt's last sign of life; a doubtful answer is asked of the file system's own clock.

    The file server stamps the files, and a machine whose clock is wrong must not declare a live run lost.
    """
    sign = _last_sign(folder, attempt)
    silence = time.time() - sign
    return silence if 0 <= silence <= _STALE else clock.file_system_time(folder) - sign


def _last_sign(folder: Path, attempt: Path) -> float:
    """When the attempt last wrote or touched a file of its own, as seconds since 1970."""
    own = (attempt / "lease.json", folder / "metrics.jsonl", folder / "events.jsonl")
    return max((path.stat().st_mtime for path in own if path.exists()), default=0.0)
