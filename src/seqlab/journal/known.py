"""A run as the index knows it: a row of the listing, and what filters, taints and lineages ask."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self, cast

from seqlab.journal.errors import JournalError
from seqlab.journal.facts import row_facts
from seqlab.journal.files import encode
from seqlab.journal.lease import last_attempt
from seqlab.journal.run import Run
from seqlab.journal.state import State

__all__ = ["Known", "Numbers"]

UNFINISHED = ("queued", "running", "lost", "crashed", "")
"""States that may turn though no file changes; "" is that of a run that cannot be read."""
NUMBER = int | float | None
FORMS: dict[str, dict[str, Any]] = {
    "summary.json": {"steps": NUMBER, "tokens": NUMBER, "wall_seconds": NUMBER, "floors": dict, "alarms": list},
    "origin.json": {"recipe": str | None, "overrides": list},
}
"""What listings show of these files, where it is there."""
SAID = 20_000
"""Characters of what people wrote that are searched."""


class Numbers(NamedTuple):
    """The last and the best of every metric."""

    last: dict[str, float]
    best: dict[str, dict[str, Any]]


@dataclass(slots=True)
class Known:
    """Answers as a `Run` does, without looking at the files. Specs and summaries stay packed until they are asked for:
    thousands of runs lie in memory."""

    folder: Path
    row: dict[str, Any]
    """What a listing says of it, `facts.row_facts` without the taint; "damage" where it cannot be read."""
    id: str | None = None
    recipe: str | None = None
    sweep: str | None = None
    parent: dict[str, Any] | None = None
    former: list[str] = field(default_factory=list)
    attempts: int = 0
    said: str = ""
    """What people wrote about it, in lower case: to be searched."""
    floors: dict[str, Any] = field(default_factory=dict)
    setting: str = ""
    """`Run.setting`."""
    seed: Any = None
    stamp: str = ""
    packed: tuple[bytes, bytes] = (b"{}", b"{}")

    @classmethod
    def read(cls, run: Run) -> Self:
        """What the files say now."""
        try:
            return cls._read(run)
        except (JournalError, OSError, KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
            told = str(error) if isinstance(error, JournalError) else f"{type(error).__name__}: {error}"
            return cls(run.folder, _unread(run, f"it cannot be read: {told}"))

    @classmethod
    def _read(cls, run: Run) -> Self:
        experiment, notes = run.experiment, run.notes()
        if run.parent is not None and not isinstance(run.parent.get("run"), str):
            raise JournalError(f"{run.folder / 'parent.json'} names no run; restore it from a copy")
        _must_have_its_form(run)
        row = row_facts(run, None)
        if not isinstance(row["state"], str):
            raise JournalError(f"{run.folder} has the state {row['state']!r:.60}, which is no word")
        row["metrics"] = {kind: _interned(found) for kind, found in row["metrics"].items()}
        said = "\n".join([run.name, run.why or "", *run.tags, *(note.text for note in notes)])
        summary = run.summary
        return cls(
            folder=run.folder,
            row=row | {"damage": None, "archived": run.folder.parent.name == ".archive"},
            id=run.id,
            recipe=run.recipe,
            sweep=run.sweep,
            parent=run.parent,
            former=run.former_names(),
            attempts=last_attempt(run.folder),
            said=said[:SAID].lower(),
            floors=summary.get("floors", {}),
            setting=run.setting,
            seed=experiment.get("seed"),
            packed=(encode(experiment), encode({name: summary[name] for name in summary if name != "metrics"})),
        )

    @classmethod
    def from_json(cls, folder: Path, stamp: str, saved: dict[str, Any]) -> Self:
        """What `to_json` made."""
        known = cls(folder, stamp=stamp, **{name: saved[name] for name in saved if name != "packed"})
        known.packed = (saved["packed"][0].encode(), saved["packed"][1].encode())
        known.row["metrics"] = {kind: _interned(found) for kind, found in known.row["metrics"].items()}
        return known

    def to_json(self) -> dict[str, Any]:
        """Plain values, without folder and stamp."""
        names = ("row", "id", "recipe", "sweep", "parent", "former", "attempts", "said", "floors", "setting", "seed")
        told = {name: getattr(self, name) for name in names}
        return told | {"packed": [part.decode() for part in self.packed]}

    @property
    def has_ended(self) -> bool:
        """Whether only a change of its files can change its state."""
        return self.row["state"] not in UNFINISHED

    def look_at_state(self, run: Run) -> None:
        """Ask again what it is doing."""
        if self.row["damage"] is None:
            try:
                self.row["state"], self.row["evidence"] = run.state()
            except (JournalError, OSError) as error:
                self.row["evidence"] = str(error)

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def is_archived(self) -> bool:
        """Whether it lies in the archive."""
        return bool(self.row["archived"])

    @property
    def created(self) -> str:
        return str(self.row["created"])

    @property
    def why(self) -> str | None:
        return cast("str | None", self.row["why"])

    @property
    def tags(self) -> list[str]:
        return list(self.row["tags"])

    @property
    def verdict(self) -> str | None:
        return cast("str | None", self.row["verdict"])

    @property
    def damage(self) -> str | None:
        """Why it cannot be read."""
        return cast("str | None", self.row["damage"])

    @property
    def metrics(self) -> Numbers:
        return Numbers(self.row["metrics"]["last"], self.row["metrics"]["best"])

    @property
    def experiment(self) -> dict[str, Any]:
        return dict(json.loads(self.packed[0]))

    @property
    def summary(self) -> dict[str, Any]:
        return dict(json.loads(self.packed[1]))

    def state(self) -> State:
        return State(self.row["state"], self.row["evidence"])

    def former_names(self) -> list[str]:
        return self.former


def _must_have_its_form(run: Run) -> None:
    """Raise JournalError for a value that no listing could show: one run's must not hide all others."""
    for file, content in (("summary.json", run.summary), ("origin.json", run.origin)):
        for name, form in FORMS[file].items():
            if name in content and not isinstance(content[name], form):
                raise JournalError(f"{run.folder / file} has the {name} {content[name]!r:.60}, a form nobody knows")
    if not all(isinstance(values, dict) for values in run.summary.get("floors", {}).values()):
        raise JournalError(f"{run.folder / 'summary.json'} has floors of a form nobody knows")


def _unread(run: Run, damage: str) -> dict[str, Any]:
    """The row of a run that cannot be read."""
    created = ""
    with suppress(JournalError, OSError):
        created = run.created
    return {
        "name": run.name, "state": "", "evidence": damage, "place": None, "step": None, "steps": None,
        "metrics": {"last": {}, "best": {}}, "tags": [], "why": None, "verdict": None, "taint": None, "alarms": [],
        "accepted": [], "created": created, "wall_seconds": None, "folder": str(run.folder), "damage": damage,
        "archived": run.folder.parent.name == ".archive",
    }  # fmt: skip


def _interned(found: Mapping[str, Any]) -> dict[str, Any]:
    """The same with names that all runs share in memory."""
    return {sys.intern(name): value for name, value in found.items()}
