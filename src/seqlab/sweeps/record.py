"""The record of a sweep, `runs/.sweeps/NAME/`: what was asked for, and nothing that its runs know better.

    manifest.jsonl      a line each time the sweep is declared or extended, with the trials that are new
    cells/<id>.json     the experiment of a cell, written once; a trial is a cell with a seed
    source/             the files of a user's recipe and parts
    queue.jsonl         what was claimed, started and ended; see `queue`
    selections.jsonl    every selection that was made, with its rules; see `selections`
    stop.json           there while the sweep is to stop; see `stopping`
    workers.log         what the workers print
    jobs.jsonl          the arrays of jobs that were submitted to Slurm; see `engines.jobs`
    slurm/, ray.log     what the engines print

All lines are appended whole, under a lock, by any process; a torn last line is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from seqlab.journal import LabBook, clock, names
from seqlab.journal.files import append_next, clearly, read_object, replace_bytes, replace_json
from seqlab.journal.lines import Record, read_lines
from seqlab.sweeps.errors import SweepError, SweepNotFound

__all__ = ["FOLDER", "Sweep", "Trial", "sweeps"]

FOLDER = ".sweeps"


@dataclass(frozen=True)
class Trial:
    """One run that a sweep asks for: a cell with a seed."""

    id: str
    """The cell and the seed: equal trials are one."""
    cell: str
    """The id of the cell's experiment by its content, whatever its seed."""
    seed: int
    settings: Mapping[str, Any]
    """The knobs of the sweep as this cell has them: path -> value."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


class Nothing(Exception):
    """Raised under the lock when there is nothing to append."""


class Sweep:
    """A sweep of a lab book by its name. What others append is seen at each question."""

    def __init__(self, book: LabBook, name: str) -> None:
        names.check(name)
        self.book, self.name = book, name
        self.folder = book.root / FOLDER / name
        self._manifest = self.folder / "manifest.jsonl"

    @classmethod
    def open(cls, book: LabBook, name: str) -> Sweep:
        """The sweep of this name. Raises SweepNotFound naming the nearest when there is none."""
        found = cls(book, name)
        if not found._manifest.is_file():
            known = sweeps(book)
            near = names.perhaps(name, known) or (f"; there are {names.listed(name, known)}" if known else "")
            raise SweepNotFound(f"no sweep {name!r} in {book.root}{near or '; `seqlab sweep` makes one'}")
        return found

    def extend(
        self,
        trials: Iterable[Trial],
        experiments: Mapping[str, Mapping[str, Any]],
        declared: Mapping[str, Any],
        sources: Mapping[str, bytes] | None = None,
    ) -> list[Trial]:
        """Ask for trials; those that were asked for already are left alone. Returns the new ones.

        experiments: cell -> its saved experiment. declared: what the person said (recipe, knobs, seeds, argv), kept as
        it is. Experiments and sources are on disk before a line names them, so a crash leaves no trial without.
        """
        asked = list(trials)
        self._keep_files(experiments, sources or {})
        new: list[Trial] = []

        def line() -> Record:
            known = self.trials()
            new.extend({trial.id: trial for trial in asked if trial.id not in known}.values())
            if not new and known:
                raise Nothing
            return {"time": clock.now(), "declared": dict(declared), "trials": [trial.to_json() for trial in new]}

        try:
            append_next(self._manifest, line)
        except Nothing:
            return []
        return new

    def _keep_files(self, experiments: Mapping[str, Mapping[str, Any]], sources: Mapping[str, bytes]) -> None:
        for folder in (self.folder / "cells", self.folder / "source"):
            with clearly(folder):
                folder.mkdir(parents=True, exist_ok=True)
        for cell, experiment in experiments.items():
            if not self._cell(cell).is_file():
                replace_json(self._cell(cell), dict(experiment))
        for name, data in sources.items():
            replace_bytes(self.folder / "source" / Path(name).name, data)

    def _cell(self, cell: str) -> Path:
        return self.folder / "cells" / f"{cell}.json"

    def experiment(self, cell: str) -> dict[str, Any]:
        """The saved experiment of a cell; a trial gives it its seed. Raises SweepError when it is gone."""
        found = read_object(self._cell(cell))
        if found is None:
            raise SweepError(f"{self._cell(cell)} is gone; declare the sweep {self.name} again to restore it")
        return found

    def declarations(self) -> list[Record]:
        """What was declared, oldest first: {"time", "declared", "trials"}."""
        return read_lines(self._manifest).records

    def declared_with(self, trial: Trial) -> Record:
        """What the person said who first asked for a trial."""
        lines = (line for line in self.declarations() if any(one["id"] == trial.id for one in line["trials"]))
        return dict(next(lines)["declared"])

    def trials(self) -> dict[str, Trial]:
        """Every trial asked for, by its id, in the order of the declarations."""
        told = (trial for line in self.declarations() for trial in line["trials"])
        return {one["id"]: Trial(one["id"], one["cell"], one["seed"], one["settings"]) for one in told}

    def settings(self) -> dict[str, Mapping[str, Any]]:
        """Cell -> all of its knobs."""
        return {trial.cell: trial.settings for trial in self.trials().values()}

    @cached_property
    def queue_file(self) -> Path:
        """Where `queue` appends."""
        return self.folder / "queue.jsonl"

    @cached_property
    def stop_file(self) -> Path:
        """What `stopping` leaves."""
        return self.folder / "stop.json"

    @cached_property
    def workers_file(self) -> Path:
        """What the workers print."""
        return self.folder / "workers.log"

    @cached_property
    def selections_file(self) -> Path:
        """Where `selections` appends."""
        return self.folder / "selections.jsonl"


def sweeps(book: LabBook) -> list[str]:
    """The names of a lab book's sweeps."""
    return sorted(path.parent.name for path in (book.root / FOLDER).glob("*/manifest.jsonl"))
