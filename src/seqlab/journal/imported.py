"""Runs out of other programs' logs: the same folder as any run, marked as imported, made whole or not at all.

Nobody saw these runs train, so their state is `imported`, which says neither that they finished nor that they failed.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from seqlab.journal import clock
from seqlab.journal.book import LabBook
from seqlab.journal.checkpoints import sha256
from seqlab.journal.errors import JournalError
from seqlab.journal.files import encode, replace_json
from seqlab.journal.log import Log
from seqlab.journal.merging import FIELDS, Merged, merge
from seqlab.journal.naming import Naming
from seqlab.journal.readers import Reader, reader_of
from seqlab.journal.run import Run


class Imported(NamedTuple):
    """The run that was made, and a sentence for everything that is not as it stood in the logs."""

    run: Run
    remarks: list[str]


def import_run(
    book: LabBook,
    paths: Sequence[Path],
    *,
    name: str | None = None,
    step_column: str | None = None,
    naming: Naming | None = None,
    config: Mapping[str, Any] | None = None,
    why: str | None = None,
    tags: Sequence[str] = (),
) -> Imported:
    """Make one run of all these logs; a folder stands for the event files in it. Raises JournalError.

    step_column: the column of the steps in tables and JSONL (default: step). config: settings, beside those that event
    files hold.
    """
    files, remarks = _files(paths)
    formats = {file: reader_of(file) for file in files}
    if step_column is not None and all(name == "tensorboard" for name, _ in formats.values()):
        raise JournalError("event files say their steps themselves; leave out --step-column")
    logs = [_read(reader, file, step_column) for file, (_, reader) in formats.items()]
    merged = merge(logs)
    names = (naming or Naming()).of(merged.names())
    if not names:
        said = "; ".join(remarks + [remark for log in logs for remark in log.remarks])
        raise JournalError(f"there are no numbers in {_listed(files)}{f' ({said})' if said else ''}")
    remarks += [remark for log in logs for remark in log.remarks] + merged.remarks + _renamed(names)
    sources = [_source(file, kind) for file, (kind, _) in formats.items()]
    origin: dict[str, Any] = {"by": "import", "imported_from": sources, "names": names}
    if merged.began is not None:
        origin["created"] = datetime.fromtimestamp(merged.began, UTC).isoformat(timespec="microseconds")
    run = book.create(
        {"config": _config(logs, config or {})},
        name=name,
        origin=origin,
        files=_record(merged, names, sources, remarks),
        why=why,
        tags=tags,
    )
    replace_json(run.folder / "summary.json", {**_last(merged), "metrics": run.metrics.digest().to_json()})
    return Imported(run, remarks)


def _files(paths: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """The files that are meant, each once, and what to say of folders. A subfolder is another run in TensorBoard."""
    found: dict[Path, None] = {}
    below: dict[Path, None] = {}
    for path in (path.absolute() for path in paths):
        events = sorted(path.glob("*tfevents*")) if path.is_dir() else [path]
        deeper = sorted(path.rglob("*/*tfevents*"))
        if not events:
            folders = ", ".join(dict.fromkeys(str(file.parent) for file in deeper))
            hint = f"; import its folders, each a run: {folders}" if folders else ""
            raise JournalError(f"there is no event file of TensorBoard in {path}{hint}")
        found.update(dict.fromkeys(events))
        below.update(dict.fromkeys(deeper))
    rest = ", ".join(dict.fromkeys(str(file.parent) for file in below if file not in found))
    left = f"the event files in {rest} were not imported with it; name that folder too if it belongs to the run"
    return list(found), [left] if rest else []


def _read(reader: Reader, file: Path, step_column: str | None) -> Log:
    try:
        return reader.read(file, step_column)
    except OSError as error:
        raise JournalError(f"cannot read {file}: {error.strerror}; mend its permissions") from error


def _source(file: Path, kind: str) -> dict[str, Any]:
    return {"path": str(file), "sha256": sha256(file), "bytes": file.stat().st_size, "format": kind}


def _renamed(names: Mapping[str, str]) -> list[str]:
    new = [f"{old} as {name}" for old, name in names.items() if old != name]
    return [f"recorded {', '.join(new)}"] if new else []


def _listed(files: Sequence[Path]) -> str:
    return ", ".join(file.name for file in files)


def _config(logs: Sequence[Log], given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of all logs and those given; where two do not agree, nobody knows which was meant."""
    config: dict[str, Any] = {}
    for settings in (*(log.config for log in logs), given):
        for key, value in settings.items():
            if key in config and config[key] != value:
                raise JournalError(
                    f"the setting {key!r} is {config[key]!r} in one place and {value!r} in another; "
                    "leave the wrong one out of the imported files or of --config"
                )
            config[key] = value
    return config


def _record(
    merged: Merged, names: Mapping[str, str], sources: Sequence[Mapping[str, Any]], remarks: Sequence[str]
) -> dict[str, bytes]:
    """The files of the folder that an attempt would have written."""
    now = clock.now()
    lines = [{"attempt": 1, "resumed_from": None}, *(_line(step, merged, names) for step in merged.steps())]
    events = [{"time": now, "attempt": 1, "kind": "imported", "remark": remark} for remark in remarks]
    evidence = {"imported from": _listed([Path(source["path"]) for source in sources])}
    ending = {"state": "imported", "time": now, "attempt": 1, "wall_seconds": merged.seconds, "evidence": evidence}
    return {
        "metrics.jsonl": b"".join(encode(line) + b"\n" for line in lines),
        "events.jsonl": b"".join(encode(event) + b"\n" for event in events),
        "attempts/1/exit.json": encode(ending, readable=True) + b"\n",
    }


def _line(step: int, merged: Merged, names: Mapping[str, str]) -> dict[str, Any]:
    values, seconds = merged.values[step], merged.times.get(step)
    line = {"attempt": 1, "step": step, "epoch": None, "task": None, "tokens": None, **_place(values)}
    line |= {} if seconds is None else {"wall_seconds": round(seconds, 4)}
    return line | {names[name]: value for name, value in values.items() if name in names}


def _last(merged: Merged) -> dict[str, Any]:
    """What a summary says beside the metrics; no seconds where the log had none."""
    place: dict[str, float] = {}
    for step in merged.steps():
        place |= _place(merged.values[step])
    return {"step": merged.steps()[-1], "wall_seconds": merged.seconds, **place}


def _place(values: Mapping[str, float]) -> dict[str, float]:
    """Epoch and tokens, as far as they are said."""
    found = {name: values[name] for name in FIELDS if math.isfinite(values.get(name, math.nan))}
    return found | ({"tokens": int(found["tokens"])} if "tokens" in found else {})
