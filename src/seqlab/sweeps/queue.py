"""The queue of a sweep: who works at which trial. It survives everyone who works from it.

A trial is claimed under the lock of the file, by one process at a time. A claim whose process is known to be dead is
free again, and so is a trial that was handed back; what a run became is asked of the run, never of the queue.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from seqlab.journal import clock, lease
from seqlab.journal.files import append_next, append_record
from seqlab.journal.lines import Record, read_lines
from seqlab.sweeps.record import Nothing, Sweep, Trial

__all__ = ["RETRIES", "Queue", "Standing"]

RETRIES = 1
"""How often a trial is tried again after a process died of it (killed, out of memory). Then it has crashed."""


@dataclass(frozen=True)
class Standing:
    """What the queue says of a trial."""

    kind: str = "waiting"
    """"waiting", "claimed", "started" (its run is made), "ended", or "returned", to be claimed again."""
    claim: Record | None = None
    """Host, pid and start of the process that works at it, and what else it said of itself."""
    run: str | None = None
    """The name of its run, the newest where it was tried several times."""
    run_id: str | None = None
    """What stays when the run is renamed."""
    state: str | None = None
    """How its worker saw it end: a state of the journal, or `failed` before there was a run."""
    evidence: str | None = None
    deaths: int = 0
    """How many processes died of it, one after the other, since it was last handed back."""

    @property
    def is_free(self) -> bool:
        """Whether it can be claimed: nobody has, it was handed back, or who had it is gone without an end."""
        return self.kind in ("waiting", "returned") or (self.is_held and lease.process_is_gone(self.claim or {}))

    @property
    def is_held(self) -> bool:
        """Whether a process has claimed it and has not said how that ended, be it alive or not."""
        return self.kind in ("claimed", "started")

    @property
    def is_held_here(self) -> bool:
        """Whether that process is known to be alive; one on another machine is not."""
        here = self.claim is not None and self.claim.get("pid_space") == clock.pid_space()
        return self.is_held and here and not self.is_free


class Queue:
    """The queue of one sweep."""

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep

    def standings(self) -> dict[str, Standing]:
        """Trial -> what was last said of it; the trials that nobody has touched are not named."""
        found: dict[str, Standing] = {}
        for line in read_lines(self._sweep.queue_file).records:
            before = found.get(line["trial"], Standing())
            found[line["trial"]] = Standing(
                line["kind"],
                line.get("claim", before.claim),
                line.get("run", before.run),
                line.get("run_id", before.run_id),
                line.get("state"),
                line.get("evidence"),
                _deaths(before, line["kind"]),
            )
        return found

    def claimants(self) -> set[int]:
        """The processes that ever claimed a trial, by their ids."""
        return {line["claim"]["pid"] for line in read_lines(self._sweep.queue_file).records if "claim" in line}

    def claim(self, only: str | None = None, among: Collection[str] | None = None, **about: Any) -> Trial | None:
        """Take the first free trial for this process; None when there is none. `about`: kept with the claim.

        A trial of which too many processes died is written down as crashed and passed over. only: take this one, or
        none; whoever says so answers for it that a claim from another machine has died. among: take one of these.
        """
        while (trial := self._take(only, among, about)) is not None:
            if self.standings()[trial.id].deaths <= RETRIES:
                return trial
            self.ended(trial, "crashed", f"{RETRIES + 1} processes died of it, one after the other")
        return None

    def _take(self, only: str | None, among: Collection[str] | None, about: dict[str, Any]) -> Trial | None:
        taken: list[Trial] = []

        def line() -> Record:
            standings, trials = self.standings(), self._sweep.trials()
            if only is not None:
                standing = standings.get(only, Standing())
                trial = trials.get(only) if standing.kind != "ended" and not standing.is_held_here else None
            else:
                wanted = (one for one in trials.values() if among is None or one.id in among)
                trial = next((one for one in wanted if standings.get(one.id, Standing()).is_free), None)
            if trial is None:
                raise Nothing
            taken.append(trial)
            return _line(trial, "claimed", claim={**lease.facts(), **about})

        try:
            append_next(self._sweep.queue_file, line)
        except Nothing:
            return None
        return taken[0]

    def started(self, trial: Trial, run: str, run_id: str | None = None) -> None:
        """Its run is made."""
        self._append(_line(trial, "started", run=run, run_id=run_id))

    def ended(self, trial: Trial, state: str, evidence: str | None = None) -> None:
        """Its worker is done with it; it is not claimed again."""
        self._append(_line(trial, "ended", state=state, evidence=evidence))

    def give_back(self, trial: Trial, evidence: str | None = None) -> None:
        """Let another one claim it: pre-empted, interrupted, or to be tried again."""
        self._append(_line(trial, "returned", evidence=evidence))

    def _append(self, record: Record) -> None:
        append_record(self._sweep.queue_file, record)


def _deaths(before: Standing, kind: str) -> int:
    """A claim that follows another one, of which nothing more was heard, counts a death."""
    if kind == "claimed":
        return before.deaths + before.is_held
    return before.deaths if kind == "started" else 0


def _line(trial: Trial, kind: str, **more: Any) -> Record:
    return {"time": clock.now(), "trial": trial.id, "kind": kind} | {k: v for k, v in more.items() if v is not None}
