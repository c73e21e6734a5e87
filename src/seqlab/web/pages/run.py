"""One run: everything the record says of it. A part that cannot be read says so, and the others are shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from seqlab.journal import JournalError, Run
from seqlab.journal.curves import AXES, UNITS
from seqlab.journal.entry import Writer
from seqlab.journal.facts import checkpoints
from seqlab.journal.floors import floor_values
from seqlab.journal.known import Known
from seqlab.journal.lineage import Family, by_every_name
from seqlab.journal.notebook import Notebooks
from seqlab.journal.plan import read_plan
from seqlab.journal.results import so_far
from seqlab.web.files import pictures
from seqlab.web.lab import Lab
from seqlab.web.pages.journal import result
from seqlab.web.pages.plan import tree
from seqlab.web.words import begin

__all__ = ["flat", "page"]

EVENTS = 40
"""The newest that are shown."""
LAYERS = 200
USUAL = ("val_subset/loss", "val/loss", "train/loss", "val_subset/accuracy", "val/accuracy", "train/accuracy")


def page(lab: Lab, request: Request) -> Response:
    """The page of a run."""
    run = lab.run(request.path_params["name"])
    everything = lab.everything()
    known = next((one for one in everything if one.folder == run.folder), None) or Known.read(run)
    if not known.has_ended:
        known.look_at_state(run)  # one who has just stopped it wants to see that it stopped
    sections: dict[str, Callable[[], Any]] = {
        "entry": lambda: _entry(lab, run, everything),
        "spec": lambda: flat(run.experiment),
        "card": lambda: _card(run),
        "floors": lambda: _floors(known),
        "cost": lambda: _cost(run),
        "audits": lambda: run.audits,
        "notes": lambda: _notes(run),
        "attempts": lambda: run.attempts(),
        "events": lambda: run.events()[-EVENTS:][::-1],
        "family": lambda: _family(run, everything),
        "checkpoints": lambda: checkpoints(run),
        "pictures": lambda: pictures(run.folder),
        "probes": lambda: sorted(file.stem for file in (run.folder / "probes").glob("*.jsonl")),
        "evaluations": lambda: sorted(file.name for file in (run.folder / "eval").glob("*.json")),
        "files": lambda: _files(run),
        "removed": run.removals,
        "origin": lambda: run.origin,
    }
    told: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, made in sections.items():
        try:
            told[name] = made()
        except Exception as error:  # one file of another form must not hide the others
            told[name] = None
            problems[name] = str(error) if isinstance(error, JournalError) else f"{type(error).__name__}: {error}"
    metrics = list(known.metrics.last)
    entry = told["entry"]
    came_to = result(known.row["metrics"], known.floors, known.row["step"], known.row["steps"])
    return lab.page(
        request, "run.html",
        name=run.name, known=known, row=known.row, taint=lab.taints().get(run.name), result=came_to, problems=problems,
        metrics=metrics, shown=_shown(metrics), axes={axis: UNITS[axis] for axis in AXES}, newer=_newer(told["spec"]),
        changed=set(entry.changes or ()) if entry else set(),
        plan_items=[item for item in tree(lab, read_plan(lab.book)) if item["state"] in ("open", "running")], **told,
    )  # fmt: skip


def _entry(lab: Lab, run: Run, everything: list[Known]) -> Any:
    return Writer(everything, read_plan(lab.book), Notebooks(by_every_name(everything))).entry(run)


def flat(value: Any, before: str = "") -> dict[str, Any]:
    """A spec as paths and values, in its order; a part is named by its path."""
    found: dict[str, Any] = {}
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        path = f"{before}{key}"
        if key == "part":
            found[before.rstrip(".") or "part"] = str(inner).rpartition("/")[2]
        elif isinstance(inner, dict) or (isinstance(inner, list) and any(isinstance(item, dict) for item in inner)):
            found |= flat(inner, f"{path}.")
        else:
            found[path] = inner
    return found


def _newer(spec: Mapping[str, Any] | None) -> str | None:
    """A sentence about a record of another version than this program knows."""
    schema = (spec or {}).get("schema", 1)
    if schema == 1:
        return None
    return f"This record has schema {schema}, and this seqlab knows 1: it is shown as it stands."


def _card(run: Run) -> dict[str, Any] | None:
    card = run.origin.get("card")
    if not card:
        return None
    layers = card.get("layers", [])[:LAYERS]
    columns = list(dict.fromkeys(key for layer in layers for key in layer if key != "layer"))
    facts = {key: value for key, value in card.items() if key != "layers"}
    return {"layers": layers, "columns": columns, "facts": facts, "parameters": run.summary.get("parameters")}


def _floors(known: Known) -> list[dict[str, Any]]:
    """The result among the floors, the easiest to beat first."""
    rows = [
        {"name": name, "loss": value, "is_run": False} for name, value in floor_values(known.floors, "loss").items()
    ]
    last = known.metrics.last
    loss = next((last[name] for name in ("val/loss", "val_subset/loss", "train/loss") if name in last), None)
    if rows and loss is not None:
        rows.append({"name": "this run", "loss": loss, "is_run": True})
    return sorted(rows, key=lambda row: -row["loss"])


def _cost(run: Run) -> dict[str, Any]:
    summary = so_far(run)
    shares = sorted(summary.get("shares", {}).items(), key=lambda item: -item[1])
    return {"summary": summary, "shares": [(name, share) for name, share in shares if share >= 0.005]}


def _notes(run: Run) -> list[dict[str, Any]]:
    return [
        {**note._asdict(), "number": number, "begin": begin(note.text), "is_long": begin(note.text) != note.text}
        for number, note in enumerate(run.notes())
    ]


def _family(run: Run, everything: list[Known]) -> dict[str, Any]:
    """Its ancestors, its parent first, and who was made from it."""
    family = Family(everything)
    children = [one for one in everything if (parent := family.parent(one)) is not None and parent.folder == run.folder]
    return {"ancestors": family.ancestors(run), "children": children, "parent": run.parent}


def _files(run: Run) -> list[tuple[str, int]]:
    """The files with their bytes, those of the checkpoints left out, which can be many and large."""
    found = []
    for path in sorted(run.folder.rglob("*")):
        inside = path.relative_to(run.folder)
        if path.is_file() and inside.parts[0] != "checkpoints" and not inside.name.startswith("."):
            found.append((str(inside), path.stat().st_size))
    return found


def _shown(metrics: list[str]) -> list[str]:
    """The metrics whose curves are drawn at once: the first loss and the first accuracy there are."""
    found = [name for name in USUAL if name in metrics]
    losses, accuracies = ([name for name in found if name.endswith(what)] for what in ("loss", "accuracy"))
    return (losses[:1] + accuracies[:1]) or metrics[:1]
