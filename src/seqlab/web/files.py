"""Files of a run as they lie there. Nothing outside the run's folder is served, whatever a path or a link says."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response

from seqlab.journal import JournalError
from seqlab.web.lab import Lab

__all__ = ["PICTURES", "FileNotThere", "file", "note", "pictures"]

PICTURES = {".png": "image/png", ".svg": "image/svg+xml"}
TEXTS = (".json", ".jsonl", ".log", ".txt", ".md", ".py", ".diff", ".csv", ".tex")
INERT = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}
"""A picture that is opened by itself may style itself, and do nothing."""


class FileNotThere(JournalError):
    """A run has no such file, or no such note."""


def file(lab: Lab, request: Request) -> Response:
    """One file: a picture as such, words as plain text, anything else to be saved."""
    run = lab.run(request.path_params["name"])
    asked = request.path_params["file"]
    place = _inside(lab.book.root, run.folder, asked)
    if place.suffix in PICTURES:
        return FileResponse(place, media_type=PICTURES[place.suffix], headers=INERT)
    if place.suffix in TEXTS:
        return FileResponse(place, media_type="text/plain; charset=utf-8", headers=INERT)
    return FileResponse(place, media_type="application/octet-stream", filename=place.name, headers=INERT)


def _inside(root: Path, folder: Path, asked: str) -> Path:
    """The file that is asked for. Raises FileNotThere unless it lies in the run's folder, and that in the lab book."""
    if "\0" in asked:
        raise FileNotThere("there is no such file")
    place = (folder / asked).resolve()
    home = folder.resolve()
    if not (place.is_relative_to(home) and home.is_relative_to(root.resolve()) and place.is_file()):
        raise FileNotThere(f"{folder.name} has no file {asked!r}")
    return place


def note(lab: Lab, request: Request) -> Response:
    """One note as a whole, however long."""
    run = lab.run(request.path_params["name"])
    notes = run.notes()
    number = request.path_params["number"]
    if number not in map(str, range(len(notes))):
        raise FileNotThere(f"{run.name} has {len(notes)} notes, and none of number {number[:20]}")
    return PlainTextResponse(notes[int(number)].text)


def pictures(folder: Path) -> list[str]:
    """The pictures among a run's samples and evaluations, by their paths in its folder."""
    found = [path for name in ("samples", "eval", "probes") for path in sorted((folder / name).rglob("*"))]
    return [str(path.relative_to(folder)) for path in found if path.suffix in PICTURES and path.is_file()]
