"""The lab book: a folder of run folders."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from seqlab.journal import clock, lease, names, notes
from seqlab.journal.errors import JournalError, RunExists, RunNotFound
from seqlab.journal.files import clearly, encode, explained, sync_folder, write_bytes
from seqlab.journal.run import Run


class LabBook:
    """All runs under `root`: by default the folder in SEQLAB_RUNS, else ./runs. Made by the first run."""

    def __init__(self, root: str | Path | None = None) -> None:
        self.root = Path(root or os.environ.get("SEQLAB_RUNS") or "runs").absolute()
        self._archive = self.root / ".archive"

    def runs(self, *, archived: bool = False) -> list[Run]:
        """The runs, oldest first; with `archived` those in the archive instead."""
        found = [Run(folder) for folder in _run_folders(self._archive if archived else self.root)]
        return sorted(found, key=age_key)

    def everything(self) -> list[Run]:
        """All runs, those in the archive last: what a lineage may lead through."""
        return [*self.runs(), *self.runs(archived=True)]

    def folders(self) -> list[Path]:
        """The folders of all runs, the archive's too, in no order: nothing is read."""
        return [*_run_folders(self.root), *_run_folders(self._archive)]

    def open(self, name: str | Path) -> Run:
        """The run of this name, archived or not, or in this run folder. Raises RunNotFound."""
        for folder in (self.root / name, self._archive / name, Path(name).absolute()):
            if (folder / "experiment.json").is_file():
                return Run(folder)
        raise RunNotFound(self._unknown(str(name)))

    def create(
        self,
        experiment: Mapping[str, Any],
        *,
        name: str | None = None,
        origin: Mapping[str, Any],
        sources: Mapping[str, bytes] | None = None,
        tags: Sequence[str] = (),
        why: str | None = None,
        parent: Mapping[str, Any] | None = None,
        audits: Mapping[str, Any] | None = None,
        files: Mapping[str, bytes] | None = None,
        begin: Callable[[Path], None] | None = None,
    ) -> Run:
        """Make a run folder, completely or not at all. Raises RunExists, ReadOnly, DiskFull, JournalError.

        `created` of the origin is when the run was made: now, unless it says so. files: what else the folder holds.
        begin: writes more into the folder before it has its name.
        """
        for tag in tags:
            notes.check_tag(tag)
        if name is not None:
            self.check_free(name)
        objects = {
            "experiment.json": dict(experiment),
            "origin.json": {
                "created": clock.now(),
                **origin,
                "run_id": os.urandom(8).hex(),
                "tags": list(tags),
                "why": why,
            },
        }
        if parent is not None:
            objects["parent.json"] = dict(parent)
        if audits is not None:
            objects["audits.json"] = dict(audits)
        with clearly(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
        draft = self.root / f".making-{os.getpid()}-{os.urandom(6).hex()}"
        try:
            _fill(draft, objects, sources or {}, files or {})
            if begin is not None:
                begin(draft)
                sync_folder(draft)
            return Run(self._put_in_place(draft, name))
        except BaseException:
            _remove(draft)
            raise

    def rename(self, old: str, new: str) -> Run:
        """Give a run another name. Raises RunBusy while it runs, RunExists, RunNotFound."""
        run = self._here(old)
        self.check_free(new)
        with clearly(run.folder):
            held = lease.take(run.folder)
            try:
                notes.add_rename(run.folder, old, new)
                run.folder.rename(self.root / new)
                sync_folder(self.root)
            finally:
                held.release()
        return Run(self.root / new)

    def archive(self, name: str) -> Run:
        """Move a run to .archive: still opened by name, no longer listed. Raises RunBusy while it runs."""
        return _move(self._here(name), self._archive)

    def unarchive(self, name: str) -> Run:
        """Bring a run back from the archive."""
        folder = self._archive / name
        if not (folder / "experiment.json").is_file():
            archived = (run.name for run in _run_folders(self._archive))
            raise RunNotFound(f"no run {name!r} in {self._archive}{names.perhaps(name, archived)}")
        return _move(Run(folder), self.root)

    def _here(self, name: str) -> Run:
        """The run of this name in the root itself."""
        run = self.open(name)
        if run.folder != self.root / name:
            raise JournalError(f"{name} lies in {run.folder.parent}, not in {self.root}; move it there first")
        return run

    def check_free(self, name: str) -> None:
        """Raise RunExists for a name that is taken, archived runs included, JournalError for what is no name."""
        names.check(name)
        for folder in (self.root / name, self._archive / name):
            if folder.exists():
                raise RunExists(f"there is already a run {name} in {folder.parent}; choose another name")

    def _put_in_place(self, draft: Path, name: str | None) -> Path:
        """Rename the draft to its name; for a run without one, to a fresh name, as often as others are faster."""
        while True:
            taken = {folder.name for root in (self.root, self._archive) for folder in _run_folders(root)}
            folder = self.root / (name or names.fresh(taken))
            try:
                draft.rename(folder)  # fails when the target holds anything, so of two creators one wins
            except OSError as error:
                if not folder.exists():
                    raise explained(error, folder) from error
                if name is not None:
                    self.check_free(name)
                continue
            try:
                sync_folder(self.root)
            except JournalError:
                folder.rename(draft)
                raise
            return folder

    def _unknown(self, name: str) -> str:
        if not self.root.is_dir():
            return f"no run {name!r}: there is no lab book at {self.root}; set SEQLAB_RUNS or go to its folder"
        runs = self.everything()
        for run in runs:
            if name in run.former_names():
                return f"no run {name!r} in {self.root}; it was renamed to {run.name}"
        near = names.perhaps(name, [run.name for run in runs])
        return f"no run {name!r} in {self.root}{near or '; `seqlab ls` lists them'}"


def age_key(run: Run) -> tuple[str, str]:
    """Sorts runs from old to new; one whose origin.json is damaged comes first, for it must not hide the others."""
    try:
        return run.created, run.name
    except JournalError:
        return "", run.name


def _run_folders(root: Path) -> list[Path]:
    try:
        with os.scandir(root) as entries:
            visible = [entry.path for entry in entries if not entry.name.startswith(".")]
    except FileNotFoundError:
        return []
    return [Path(path) for path in visible if os.access(f"{path}/experiment.json", os.F_OK)]


def _fill(draft: Path, objects: Mapping[str, Any], sources: Mapping[str, bytes], files: Mapping[str, bytes]) -> None:
    with clearly(draft):
        (draft / "source").mkdir(parents=True)
        (draft / "lock").touch()
    for filename, content in objects.items():
        write_bytes(draft / filename, encode(content, readable=True) + b"\n")
    for filename in sources:
        if PurePosixPath(filename).is_absolute() or ".." in PurePosixPath(filename).parts:
            raise JournalError(f"the source {filename!r} would leave the run folder; give a plain file name")
    for filename, data in ({f"source/{name}": data for name, data in sources.items()} | dict(files)).items():
        target = draft / filename
        with clearly(target):
            target.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(target, data)
        sync_folder(target.parent)
    sync_folder(draft)


def _move(run: Run, root: Path) -> Run:
    target = root / run.name
    if target.exists():
        raise RunExists(f"there is already a run {run.name} in {root}; rename one of them first")
    with clearly(target):
        root.mkdir(parents=True, exist_ok=True)
        held = lease.take(run.folder)
        try:
            run.folder.rename(target)
            sync_folder(root)
            sync_folder(run.folder.parent)
        finally:
            held.release()
    return Run(target)


def _remove(draft: Path) -> None:
    from shutil import rmtree  # its import costs milliseconds

    rmtree(draft, ignore_errors=True)
