"""What every page is made from: the lab book, its index, and the templates."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from seqlab.journal import LabBook, Run, RunNotFound
from seqlab.journal.files import encode
from seqlab.journal.index import Index
from seqlab.journal.known import Known
from seqlab.journal.names import perhaps
from seqlab.journal.notes import VERDICTS
from seqlab.journal.taint import taints
from seqlab.web.words import FILTERS

__all__ = ["STATIC", "Lab", "answer"]

STATIC = Path(__file__).parent / "static"


@cache
def templates() -> Environment:
    """All that came from a run is escaped: nothing is marked as safe but what this package itself has drawn."""
    made = Environment(
        loader=PackageLoader("seqlab.web"), autoescape=select_autoescape(default=True), trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    made.filters |= FILTERS
    made.globals |= {"verdicts": VERDICTS}
    return made


class Lab:
    """One lab book, for as long as the server runs."""

    def __init__(self, book: LabBook) -> None:
        self.book = book
        self.index = Index(book)

    def everything(self) -> list[Known]:
        """All runs, the archive's too, oldest first."""
        return self.index.runs()

    def listed(self) -> list[Known]:
        """The runs, without those in the archive."""
        return [known for known in self.everything() if not known.is_archived]

    def taints(self) -> dict[str, str]:
        """Why a run cannot be believed, by its name."""
        return taints(self.everything())

    def run(self, name: str) -> Run:
        """The run of this name: a folder of the lab book or of its archive, and none elsewhere. Raises RunNotFound."""
        if name and len(os.fsencode(name)) < 256 and "/" not in name and "\0" not in name and not name.startswith("."):
            for root in (self.book.root, self.book.root / ".archive"):
                if (root / name / "experiment.json").is_file():
                    return Run(root / name)
        known = self.everything()
        renamed = next((one.name for one in known if name in one.former), None)
        told = f"; it was renamed to {renamed}" if renamed else perhaps(name, [one.name for one in known])
        raise RunNotFound(f"there is no run {name!r} in {self.book.root}{told}")

    def render(self, template: str, **context: Any) -> str:
        """A template as text."""
        return templates().get_template(template).render(context)

    def page(self, request: Request, template: str, status: int = 200, **context: Any) -> Response:
        """A page, or a part of one that a page asks for."""
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        told = {"book": str(self.book.root), "path": request.url.path, "here": here, **context}
        told["query"] = dict(request.query_params)
        return HTMLResponse(self.render(template, **told), status)


def answer(value: Any, status: int = 200) -> Response:
    """Strict JSON: NaN and the infinities stand as "nan", "inf" and "-inf"."""
    return Response(encode(value), status, media_type="application/json")
