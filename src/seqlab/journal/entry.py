"""One run as a notebook kept by hand would tell it: what the record says, as plain values for whoever prints it."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from seqlab.differences import differences
from seqlab.journal import days
from seqlab.journal.book import age_key
from seqlab.journal.described import Described
from seqlab.journal.errors import JournalError
from seqlab.journal.files import read_object
from seqlab.journal.lease import last_attempt
from seqlab.journal.lineage import Family, by_every_name
from seqlab.journal.notebook import Notebooks
from seqlab.journal.plan import Plan, linked
from seqlab.journal.results import reached, so_far
from seqlab.journal.run import Run
from seqlab.journal.taint import taints

MACHINE = ("host", "processor", "device", "threads", "compute_dtype", "torch")
"""What an entry tells of an environment."""


@dataclass(frozen=True)
class Entry:
    """One run as the lab book tells it. Of one that cannot be read there are its name, folder, time and `damage`."""

    name: str
    folder: str
    created: str = ""
    """UTC, ISO 8601."""
    day: str | None = None
    """The local calendar day."""
    notebook: str | None = None
    """The file name of its recipe, or of that which its lineage began with."""
    tags: list[str] = field(default_factory=list)
    why: str | None = None
    command: str | None = None
    machines: list[dict[str, Any]] = field(default_factory=list)
    """Where its attempts ran, those that differ, with as much of MACHINE as was recorded."""
    recipe: str | None = None
    overrides: list[str] = field(default_factory=list)
    """What differs from the recipe, as it was typed."""
    parent: dict[str, Any] | None = None
    """parent.json: "run" and "step"."""
    changes: dict[str, tuple[Any, Any]] | None = None
    """What differs from the parent's experiment: path -> (there, here). None without a parent that can be read."""
    state: str = ""
    evidence: str = ""
    attempts: int = 0
    step: int | None = None
    steps: int | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    """"last" and "best" of every metric, and how many lines are "damaged"."""
    floors: dict[str, Any] = field(default_factory=dict)
    wall_seconds: float | None = None
    tokens: int | None = None
    verdict: str | None = None
    taint: str | None = None
    """Why it cannot be believed: its own verdict `bug`, or an ancestor's."""
    notes: list[dict[str, Any]] = field(default_factory=list)
    audits: dict[str, Any] = field(default_factory=dict)
    """"passed", a number; "alarms", the findings that warn or fail, each with its "stage" and whether "accepted"."""
    plan: list[dict[str, Any]] = field(default_factory=list)
    """The items of the plan that are linked to it: "id", "text", "state"."""
    damage: str | None = None


class Writer:
    """Writes entries; it is given all runs of the lab book, the archive's too, for what a run has from others."""

    def __init__(self, everything: Sequence[Described], plan: Plan, notebooks: Notebooks) -> None:
        self._known, self._family = by_every_name(everything), Family(everything)
        self._taints = taints(everything)
        self._notebooks = notebooks
        self._items: dict[str, list[dict[str, Any]]] = {}
        for item in plan.items.values():
            for name, run in linked(item, self._known).items():
                told = {"id": item.id, "text": item.text, "state": item.state}
                self._items.setdefault(run.name if run else name, []).append(told)

    def entry(self, run: Run) -> Entry:
        """What the record says of the run; what is wrong with it where it cannot be read."""
        try:
            return self._entry(run)
        except JournalError as error:
            created = age_key(run)[0]
            return Entry(run.name, str(run.folder), created, days.day(created), damage=str(error))

    def _entry(self, run: Run) -> Entry:
        origin, summary, state, notes = run.origin, so_far(run), run.state(), run.notes()
        attempts = last_attempt(run.folder)
        return Entry(
            name=run.name,
            folder=str(run.folder),
            created=run.created,
            day=days.day(run.created),
            notebook=self._notebooks.of(run),
            tags=run.tags,
            why=run.why,
            command=_command(origin),
            machines=_machines(run, attempts),
            recipe=origin.get("recipe"),
            overrides=origin.get("overrides", []),
            parent=run.parent,
            changes=self._changes(run),
            state=state.name,
            evidence=state.evidence,
            attempts=attempts,
            step=reached(run.metrics.step, summary),
            steps=summary.get("steps"),
            metrics={"last": run.metrics.last, "best": run.metrics.best, "damaged": run.metrics.damaged},
            floors=summary.get("floors", {}),
            wall_seconds=summary.get("wall_seconds"),
            tokens=summary.get("tokens"),
            verdict=next((note.verdict for note in reversed(notes) if note.verdict), None),
            taint=self._taints.get(run.name),
            notes=[note._asdict() for note in notes],
            audits=_audits(run),
            plan=self._items.get(run.name, []),
        )

    def _changes(self, run: Run) -> dict[str, tuple[Any, Any]] | None:
        parent = self._family.parent(run)
        if parent is None:
            return None
        try:
            before = parent.experiment
        except JournalError:
            return None
        return {path: pair for path, pair in differences(before, run.experiment).items() if path != "start_from"}


def _command(origin: Mapping[str, Any]) -> str | None:
    """The command as one would type it again; None where nobody wrote it down, or a sweep's worker was called."""
    if origin.get("sweep"):
        return None
    argv = [str(word) for word in origin.get("argv", ())]
    if argv and origin.get("recipe") is not None:
        argv[0] = "seqlab"  # however the command line was started
    return " ".join(_quoted(word) for word in argv) or None


def _quoted(word: str) -> str:
    """A word as a shell takes it; a line break is written as \\n, so that a command stays one line."""
    if "\n" not in word and "\r" not in word:
        return shlex.quote(word)
    for character, written in (("\\", "\\\\"), ("'", "\\'"), ("\n", "\\n"), ("\r", "\\r")):
        word = word.replace(character, written)
    return f"$'{word}'"


def _machines(run: Run, attempts: int) -> list[dict[str, Any]]:
    """Where its attempts ran, each place once; the host alone where a person's own loop kept no more."""
    found = [run.origin.get("environment")]
    if found == [None] or attempts > 1:
        found += [attempt["origin"] or attempt["lease"] for attempt in run.attempts()]
    told = [{name: place[name] for name in MACHINE if name in place} for place in found if place]
    return [place for index, place in enumerate(told) if place not in told[:index]]


def _audits(run: Run) -> dict[str, Any]:
    """audits.json in short; {} where nothing was audited."""
    kept = read_object(run.folder / "audits.json")
    if kept is None:
        return {}
    findings = [{"stage": stage, **found} for stage in ("before", "trained") for found in kept.get(stage) or ()]
    accepted = kept.get("accepted") or ()
    alarms = [
        {"stage": found["stage"], "name": found["name"], "status": found["status"], "message": found.get("message", "")}
        | {"accepted": found["name"] in accepted}
        for found in findings
        if found["status"] != "pass"
    ]
    return {"passed": len(findings) - len(alarms), "alarms": alarms}
