"""One attempt at a run: the only writer of its metrics, events and summary, from lease to exit.json."""

import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from seqlab.journal import clock, lease, looks
from seqlab.journal.errors import DiskFull, JournalError, LeaseLost, RunBusy
from seqlab.journal.evidence import ending_by
from seqlab.journal.files import (
    clearly,
    encode,
    end_torn_line,
    explained,
    open_to_append,
    read_object,
    replace_json,
    sync_folder,
    write_bytes,
    write_whole,
)
from seqlab.journal.metrics import Metrics, one_number, seconds_so_far
from seqlab.journal.state import ENDINGS, sign_of_life_elsewhere

_BALLAST = 1 << 20  # bytes kept on disk, given up when it is full so that the last writes succeed
_BEAT = 30  # seconds between signs of life


class Attempt:
    """Use as a with-block: it takes the lease, numbers the attempt, and records how it ended.

    `resumed_from` is the step of the checkpoint that it continues, None to begin anew; a loop that finds its
    checkpoint only under the lease says so by `rewind` instead. Metric lines of later steps are superseded by
    this attempt's first line, no sooner: an attempt that fails before its first step takes nothing away.

    A block that ends without `finish` is finished; an exception records failed, a KeyboardInterrupt stopped, a
    full disk disk_full, and all of them travel on.

    On a network folder whose locks fail, another machine can take the run of a process that was silent for long.
    Should that process wake, every method that writes raises LeaseLost and leaves the run's files alone.
    """

    def __init__(self, run_folder: Path, resumed_from: int | None, origin: dict[str, Any] | None) -> None:
        self._run = run_folder
        self._resumed_from = resumed_from
        self._origin = origin
        self._names: set[str] = set()  # metric names already checked
        self._marked = False  # whether this attempt's opening line is written
        self._begun = False  # whether its folder is made
        self._ended = False

    def __enter__(self) -> Self:
        """Take the lease. Raises RunBusy, ReadOnly or DiskFull, and then leaves the run to the next one."""
        self._process = os.getpid()
        self._lease = lease.take(self._run)
        try:
            self._begin()
        except BaseException as error:
            self._give_up(error)
            self._lease.release()
            raise
        return self

    def _begin(self) -> None:
        previous = lease.last_attempt(self._run)
        elsewhere = sign_of_life_elsewhere(self._run, previous)
        if elsewhere is not None:
            name = self._run.name
            raise RunBusy(f"{name} is being trained: {elsewhere}; stop it with `seqlab stop {name}`")
        self.number = previous + 1
        self.folder = self._run / "attempts" / str(self.number)
        self.stdout = self.folder / "stdout.log"
        self._counted_from = clock.charge()
        self._seconds_before = seconds_so_far(self._run, previous)
        with clearly(self.folder):
            self._clear_away()
            self.folder.mkdir(parents=True)
            self._begun = True
            sync_folder(self.folder.parent)
        self._lease_file = self.folder / "lease.json"
        facts = {"attempt": self.number, **lease.facts(), "seconds_before": self._seconds_before}
        replace_json(self._lease_file, facts)
        if self._origin is not None:
            replace_json(self.folder / "origin.json", self._origin)
        write_bytes(self.folder / "ballast", os.urandom(_BALLAST))  # random: zeros may be compressed away
        self._stop = str(self.folder / "stop.json")
        self._successor = str(self.folder.with_name(str(self.number + 1)))
        self._beat = time.monotonic()
        self._open_logs()

    def _clear_away(self) -> None:
        """Remove what killed attempts left: their ballast, and files that were to replace others."""
        for left in (*self._run.glob("attempts/*/ballast"), *self._run.glob(".*.tmp")):
            left.unlink(missing_ok=True)

    def _open_logs(self) -> None:
        with clearly(self._run):
            self._metrics = open_to_append(self._run / "metrics.jsonl")
            self._events = open_to_append(self._run / "events.jsonl")
            end_torn_line(self._metrics)
            end_torn_line(self._events)
            sync_folder(self._run)
        self._reader = Metrics(self._run)

    def _give_up(self, error: BaseException) -> None:
        """An attempt that cannot begin says why in exit.json; where there is no room even for that, it never was."""
        if not self._begun:
            return
        self._free_ballast()
        try:
            state, evidence = ending_by(error, self.folder, _BALLAST)
            self._write_ending(state, evidence)
        except JournalError:
            from shutil import rmtree  # its import costs milliseconds

            rmtree(self.folder, ignore_errors=True)

    @property
    def wall_seconds(self) -> float:
        """Seconds that the run has cost, over all attempts, each from the start of its process."""
        return self._seconds_before + time.monotonic() - self._counted_from

    def rewind(self, step: int | None) -> None:
        """Say that the run continues from `step` (None: anew): lines of later steps so far are superseded."""
        self.must_be_ours()
        self._marked = True
        mark = {"attempt": self.number, "resumed_from": step}
        self._write(self._metrics, "metrics.jsonl", encode(mark))

    def log(
        self,
        *,
        step: int,
        epoch: float | None = None,
        task: int | str | None = None,
        tokens: int | None = None,
        wall_seconds: float | None = None,
        **metrics: float,
    ) -> None:
        """Append one line of metrics, each named phase/what ("train/loss"). Raises JournalError for other names.

        One write and no fsync: it survives a kill of this process at once, a power cut from the next `summarise`.
        """
        self._must_be_open()
        self.must_be_ours()
        if not metrics.keys() <= self._names:
            self._check_names(metrics)
        record: dict[str, Any] = {
            "attempt": self.number,
            "step": step,
            "epoch": epoch,
            "task": task,
            "tokens": tokens,
            "wall_seconds": round(self.wall_seconds if wall_seconds is None else wall_seconds, 4),
        }
        for name, value in metrics.items():
            record[name] = value if type(value) is float or type(value) is int else one_number(name, value)
        line = encode(record)
        if not self._marked:
            self.rewind(self._resumed_from)
        self._write(self._metrics, "metrics.jsonl", line)

    def looked(self, step: int, measures: Mapping[str, Mapping[str, Any]]) -> None:
        """Append what probes saw, measures by the name probe/phase/place, each some named numbers or lists of them, to
        probes/<probe>.jsonl. One write a probe and no fsync, as `log`."""
        for probe, record in looks.records_of(self.number, step, measures).items():
            self.must_be_ours()
            path = self._run / looks.FOLDER / f"{probe}.jsonl"
            with clearly(path):
                path.parent.mkdir(exist_ok=True)
                descriptor = open_to_append(path)
                try:
                    end_torn_line(descriptor)
                    write_whole(descriptor, encode(record) + b"\n")
                finally:
                    os.close(descriptor)

    def has_line(self, step: int, names: Iterable[str]) -> bool:
        """Whether the newest line that counts is of this step and holds these metrics."""
        return any(line["step"] == step and line.keys() >= set(names) for line in self._reader.tail(1))

    def event(self, kind: str, **data: Any) -> None:
        """Append one line to events.jsonl: what happened, when."""
        self.must_be_ours()
        record = {"time": clock.now(), "attempt": self.number, "kind": kind, **data}
        self._write(self._events, "events.jsonl", encode(record))

    def summarise(self, **fields: Any) -> None:
        """Make everything logged so far durable and replace summary.json: its old fields, these, the digest."""
        if "metrics" in fields:
            raise JournalError("summary.json keeps 'metrics' for the last and best values; rename that field")
        self.must_be_ours()
        self._sync()
        old = read_object(self._run / "summary.json") or {}
        digest = self._reader.digest().to_json()
        replace_json(self._run / "summary.json", {**old, **fields, "metrics": digest})

    def alarm(self, *sentences: str) -> None:
        """Note what makes the run doubtful: an event each, and all of the run so far in the summary."""
        for sentence in sentences:
            self.event("alarm", message=sentence)
        known = (read_object(self._run / "summary.json") or {}).get("alarms", [])
        self.summarise(alarms=list(dict.fromkeys([*known, *sentences])))

    def stop_requested(self) -> bool:
        """Whether somebody asked this attempt to end. Cheap enough for every step; also the sign of life.

        Raises LeaseLost.
        """
        self.must_be_ours()
        if time.monotonic() - self._beat > _BEAT:
            self._beat = time.monotonic()
            with clearly(self._lease_file):
                os.utime(self._lease_file)
        return os.access(self._stop, os.F_OK)

    def must_be_ours(self) -> None:
        """Raise LeaseLost when a newer attempt has taken the run over. Ask before writing into the run's folder."""
        if self._is_lost():
            raise self._lost()

    def _is_lost(self) -> bool:
        return os.access(self._successor, os.F_OK)

    def _lost(self) -> LeaseLost:
        return LeaseLost(
            f"attempt {self.number + 1} of {self._run.name} has taken the run over while attempt {self.number} was "
            f"silent; this process writes no more, `seqlab show {self._run.name}` says who goes on"
        )

    def finish(self, state: str, **evidence: Any) -> None:
        """Write exit.json: how the attempt ended (one of state.ENDINGS) and the evidence, JSON values."""
        if state not in ENDINGS:
            raise JournalError(f"{state!r} is no end of an attempt; choose one of {', '.join(ENDINGS)}")
        self._must_be_open()
        if state == "disk_full":
            self._free_ballast()
        try:
            self._conclude(state, evidence)
        except DiskFull:
            self._free_ballast()
            self._conclude(state, evidence)
        self._free_ballast()

    def _conclude(self, state: str, evidence: dict[str, Any]) -> None:
        """Metrics, then exit.json, then the summary: a kill in between loses only what can be rebuilt."""
        self.must_be_ours()
        self._sync()
        self._write_ending(state, evidence)
        self.summarise()
        self._ended = True

    def _write_ending(self, state: str, evidence: dict[str, Any]) -> None:
        ending = {"state": state, "time": clock.now(), "attempt": self.number}
        ending |= {"wall_seconds": self.wall_seconds, "evidence": evidence}
        replace_json(self.folder / "exit.json", ending)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if os.getpid() != self._process:
            return  # a forked child leaves its copy of the block: the attempt is its parent's
        try:
            self._end_by(error)
        finally:
            clock.charged()
            os.close(self._metrics)
            os.close(self._events)
            self._lease.release()

    def _end_by(self, error: BaseException | None) -> None:
        if not self._ended and self._is_lost():
            self._end_lost(error)
        elif not self._ended:
            state, evidence = ending_by(error, self.folder, _BALLAST)
            self.finish(state, **evidence)
        elif error is not None:
            self.event("error_after_end", error=f"{type(error).__name__}: {error}")

    def _end_lost(self, error: BaseException | None) -> None:
        """Write exit.json, in a folder of its own: all else belongs to the newer attempt."""
        lost = error or self._lost()
        self._free_ballast()
        self._write_ending(*ending_by(lost, self.folder, _BALLAST))
        if error is None:
            raise lost

    def _write(self, descriptor: int, name: str, line: bytes) -> None:
        try:
            write_whole(descriptor, line + b"\n")
        except OSError as error:
            raise explained(error, self._run / name) from error

    def _sync(self) -> None:
        with clearly(self._run):
            os.fsync(self._metrics)
            os.fsync(self._events)

    def _must_be_open(self) -> None:
        if self._ended:
            raise JournalError(f"attempt {self.number} of {self._run.name} has ended; start a new attempt")

    def _check_names(self, metrics: dict[str, float]) -> None:
        for name in metrics:
            if "/" not in name:
                raise JournalError(f"the metric {name!r} names no phase; call it train/{name}, val/{name} or the like")
        self._names.update(metrics)

    def _free_ballast(self) -> None:
        (self.folder / "ballast").unlink(missing_ok=True)
