"""One run folder, read: what was to be done, what happened, and what people say about it."""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from seqlab.journal import clock, lease, notes, space
from seqlab.journal.attempt import Attempt
from seqlab.journal.errors import JournalError
from seqlab.journal.files import encode, read_object, replace_json
from seqlab.journal.lines import Record, read_lines
from seqlab.journal.looks import Look
from seqlab.journal.looks import looks as read_looks
from seqlab.journal.metrics import Metrics
from seqlab.journal.state import State, read_state


class Run:
    """A run of the lab book. What never changes is read once; everything else anew at each question."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name
        self.metrics = Metrics(folder)

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    @cached_property
    def experiment(self) -> dict[str, Any]:
        """experiment.json: the resolved spec."""
        experiment = read_object(self.folder / "experiment.json")
        if experiment is None:
            raise JournalError(f"{self.folder} has no experiment.json; it is no run folder")
        return experiment

    @cached_property
    def origin(self) -> dict[str, Any]:
        """origin.json: where the run came from, when it was made, why, and with which tags."""
        return read_object(self.folder / "origin.json") or {}

    @cached_property
    def parent(self) -> dict[str, Any] | None:
        """parent.json of a fork, else None."""
        return read_object(self.folder / "parent.json")

    @property
    def audits(self) -> dict[str, Any]:
        """audits.json: findings `before` the first step and of what was `trained`; {} where nothing was audited."""
        return read_object(self.folder / "audits.json") or {}

    @cached_property
    def created(self) -> str:
        """When the run was made: UTC, ISO 8601; "" when nobody wrote it down."""
        return str(self.origin.get("created", ""))

    @property
    def id(self) -> str | None:
        """What stays when its name changes; None for a run older than that."""
        return self.origin.get("run_id")

    @property
    def setting(self) -> str:
        """A hash of its experiment whatever the seed: runs that have it in common are seeds of one setting."""
        but_for_the_seed = {key: value for key, value in sorted(self.experiment.items()) if key != "seed"}
        return hashlib.sha256(encode(but_for_the_seed)).hexdigest()[:16]

    @property
    def why(self) -> str | None:
        """The reason given when the run was made."""
        return self.origin.get("why")

    @property
    def recipe(self) -> str | None:
        """The recipe that made its experiment; None where nobody wrote one down."""
        return self.origin.get("recipe")

    @property
    def sweep(self) -> str | None:
        """The name of the sweep that asked for it."""
        return (self.origin.get("sweep") or {}).get("name")

    @property
    def tags(self) -> list[str]:
        """The tags it was made with, as changed since."""
        return notes.read_tags(self.folder, self.origin.get("tags", ()))

    @property
    def summary(self) -> dict[str, Any]:
        """summary.json; {} before the first. As old as its attempt left it: see `metrics` for what is new."""
        return read_object(self.folder / "summary.json") or {}

    def state(self) -> State:
        """What the run is doing or how it ended, with the evidence."""
        return read_state(self.folder)

    def damage(self) -> str | None:
        """What is wrong with the first of its files that cannot be read, None when all can."""
        try:
            _ = self.experiment, self.origin, self.parent, self.summary, self.metrics.last, self.state(), self.tags
            self.attempts()
        except JournalError as error:
            return str(error)
        return None

    def attempts(self) -> list[dict[str, Any]]:
        """For every attempt: "number", "folder", and its lease, origin and exit (None where not written)."""
        found = []
        for number in range(1, lease.last_attempt(self.folder) + 1):
            folder = self.folder / "attempts" / str(number)
            files = {kind: read_object(folder / f"{kind}.json") for kind in ("lease", "origin", "exit")}
            found.append({"number": number, "folder": folder, **files})
        return found

    def events(self) -> list[Record]:
        """What happened, oldest first: {"time", "attempt", "kind", ...}."""
        return read_lines(self.folder / "events.jsonl").records

    def attempt(self, resumed_from: int | None = None, origin: dict[str, Any] | None = None) -> Attempt:
        """The next attempt at this run, for a with-block, which takes the lease; see Attempt."""
        return Attempt(self.folder, resumed_from, origin)

    def request_stop(self) -> None:
        """Ask the running attempt to save and end. Raises JournalError when none is running."""
        state = self.state()
        if state.name != "running":
            raise JournalError(f"{self.name} is not running ({state.name}: {state.evidence}); nothing to stop")
        number = lease.last_attempt(self.folder)
        request = {"time": clock.now(), "attempt": number}
        replace_json(self.folder / "attempts" / str(number) / "stop.json", request)

    def looks(self) -> dict[str, list[Look]]:
        """What its probes saw inside the model, oldest first, by the name of the probe."""
        return read_looks(self.folder)

    def notes(self) -> list[notes.Note]:
        """What people wrote about the run, oldest first."""
        return notes.read_notes(self.folder)

    def note(self, text: str, verdict: str | None = None) -> None:
        """Add a note, perhaps with a verdict (works, fails, no_effect, inconclusive, bug)."""
        notes.add_note(self.folder, text, verdict)

    @property
    def verdict(self) -> str | None:
        """The newest verdict, None when there is none."""
        return next((note.verdict for note in reversed(self.notes()) if note.verdict), None)

    def tag(self, *tags: str, remove: Sequence[str] = ()) -> None:
        """Add tags and take others away."""
        notes.change_tags(self.folder, tags, remove)

    def former_names(self) -> list[str]:
        """The names it had before it was renamed."""
        return notes.former_names(self.folder)

    def removals(self) -> list[Record]:
        """What `seqlab gc` took away, oldest first: {"time", "by", "what", "steps", "bytes"}."""
        return notes.read_removals(self.folder)

    def size(self) -> dict[str, int]:
        """Bytes by entry of the folder, the largest first."""
        return space.bytes_by_kind(self.folder)
