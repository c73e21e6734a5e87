"""Taking checkpoints, probes and the like away from runs: first a plan that touches nothing, then the removal.

The record of a run, its experiment, metrics, events, notes, audits and summary, is never removed, but for a run that is
dropped whole when it ends, as was asked for when it began. What goes is written
down in notes.jsonl before it goes, so nothing vanishes without a trace; a removal that a kill interrupts leaves a
hidden folder, which is no checkpoint any more and goes with the leftovers.
"""

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from seqlab.journal import lease, notes
from seqlab.journal.book import LabBook
from seqlab.journal.checkpoints import fault, steps_of
from seqlab.journal.digest import is_better
from seqlab.journal.errors import JournalError, RunBusy
from seqlab.journal.files import clearly, sync_folder
from seqlab.journal.leftovers import Leftover, leftovers_of_book, leftovers_of_run
from seqlab.journal.lineage import Family
from seqlab.journal.retention import Choice, Keep, choose
from seqlab.journal.run import Run
from seqlab.journal.space import bytes_of

FOLDERS = ("checkpoints", "probes", "samples", "eval", "bench")
REMOVABLE = (*FOLDERS, "leftovers")
_AT_ITS_END = ("finished", "imported")


class Removal(NamedTuple):
    """What goes of one run (None: of the lab book's folder itself), and which of its checkpoints stay, and why."""

    run: Run | None
    what: str
    paths: tuple[Path, ...]
    bytes: int
    choice: Choice | None = None


class Plan(NamedTuple):
    """Everything that would go, and for each run that is left alone the reason."""

    removals: list[Removal]
    left_alone: dict[str, str]


def plan(book: LabBook, runs: Sequence[Run], what: Sequence[str], keep: Keep) -> Plan:
    """What would go of these runs. The newest checkpoint of each is read whole: what stays must be usable."""
    removals: list[Removal] = []
    left_alone: dict[str, str] = {}
    needed = _needed(book) if "checkpoints" in what else {}
    for run in runs:
        try:
            if run.state().name == "running":
                left_alone[run.name] = "it is running"
                continue
            removals += [_of_run(run, kind, keep, needed.get(run.name, {})) for kind in what]
        except JournalError as error:
            left_alone[run.name] = str(error)
    return Plan([removal for removal in removals if removal.paths or removal.choice], left_alone)


def plan_for_book(book: LabBook) -> list[Removal]:
    """The leftovers that lie beside the runs."""
    found = leftovers_of_book(book)
    return [_of_leftovers(None, found)] if found else []


def carry_out(removal: Removal) -> str | None:
    """Write down what goes, then remove it; or, when the run is no longer as it was planned for, say why not.

    Raises ReadOnly and other JournalErrors; what was removed up to then stays removed, and written down.
    """
    if removal.run is None:
        _remove(removal.paths)
        return None
    try:
        held = lease.take(removal.run.folder)
    except RunBusy as error:
        return str(error)
    try:
        if removal.choice is not None and steps_of(removal.run.folder) != removal.choice.all_steps():
            return "its checkpoints have changed meanwhile"
        if removal.what != "leftovers":  # a leftover never was anything that could be missed
            steps = list(removal.choice.goes) if removal.choice else None
            notes.add_removal(removal.run.folder, removal.what, steps, removal.bytes)
        _remove(removal.paths)
    finally:
        held.release()
    return None


def drop(run: Run) -> None:
    """Remove a run with all of its record, at once. Raises RunBusy while it is trained."""
    held = lease.take(run.folder)
    try:
        _remove([run.folder])
    finally:
        held.release()


def _of_run(run: Run, kind: str, keep: Keep, needed: Mapping[int, str]) -> Removal:
    """What goes of one run; an empty removal when nothing does."""
    if kind == "leftovers":
        return _of_leftovers(run, leftovers_of_run(run))
    if kind == "checkpoints":
        return _of_checkpoints(run, keep, needed)
    folder = run.folder / kind
    paths = (folder,) if folder.is_dir() else ()
    return Removal(run, kind, paths, sum(map(bytes_of, paths)))


def _of_checkpoints(run: Run, keep: Keep, needed: Mapping[int, str]) -> Removal:
    folder, steps = run.folder / "checkpoints", steps_of(run.folder)
    choice = choose(
        steps,
        keep,
        newest=_newest(folder, steps),
        best=_best(run, steps) if keep.best else {},
        resumable=run.state().name not in _AT_ITS_END,
        needed=needed,
    )
    paths = tuple(folder / str(step) for step in choice.goes)
    return Removal(run, "checkpoints", paths, sum(map(bytes_of, paths)), choice if steps else None)


def _of_leftovers(run: Run | None, found: Sequence[Leftover]) -> Removal:
    return Removal(run, "leftovers", tuple(one.path for one in found), sum(one.bytes for one in found))


def _newest(folder: Path, steps: Sequence[int]) -> int | None:
    """The newest step whose checkpoint can be used; where none can, the newest."""
    usable = (step for step in reversed(steps) if fault(folder / str(step)) is None)
    return next(usable, steps[-1] if steps else None)


def _best(run: Run, steps: Sequence[int]) -> dict[int, str]:
    """The best among `steps` by each metric that the experiment keeps the best of, else by the held-out loss."""
    asked = run.experiment.get("snapshots", {}).get("keep_best") or ()
    names = [*asked] or [name for name in ("val_subset/loss", "val/loss") if name in run.metrics.last][:1]
    found: dict[int, str] = {}
    for name in names:
        values = {s: v for s, v in zip(*run.metrics.curve(name), strict=True) if s in steps and math.isfinite(v)}
        best: int | None = None
        for step, value in values.items():
            best = step if best is None or is_better(name, value, values[best]) else best
        if best is not None:
            found[best] = f"the best {name}, {values[best]:.4g}"
    return found


def _needed(book: LabBook) -> dict[str, dict[int, str]]:
    """Run -> step -> who needs that checkpoint: a run that starts from it and has none of its own yet."""
    everything = book.everything()
    family = Family(everything)
    found: dict[str, dict[int, str]] = {}
    for child in everything:
        parent = family.parent(child) if _starts(child) else None
        if parent is not None and child.parent is not None:
            reason = f"{child.name} starts from it and has none of its own yet"
            found.setdefault(parent.name, {})[child.parent["step"]] = reason
    return found


def _starts(run: Run) -> bool:
    """Whether a run that started from another one's weights would need them again, to be resumed."""
    try:
        return run.parent is not None and run.state().name not in _AT_ITS_END and not steps_of(run.folder)
    except JournalError:
        return False  # a record that cannot be read cannot be resumed


def _remove(paths: Sequence[Path]) -> None:
    """Rename each out of sight, then delete it: a reader finds a whole checkpoint or none."""
    from shutil import rmtree  # its import costs milliseconds

    for path in paths:
        hidden = path.with_name(f".{path.name.lstrip('.')}.{os.getpid()}.gone")
        with clearly(path):
            path.rename(hidden)
            sync_folder(path.parent)
            if hidden.is_dir() and not hidden.is_symlink():
                rmtree(hidden)
            else:
                hidden.unlink()
