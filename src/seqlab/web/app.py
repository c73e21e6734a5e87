"""The paths of the lab book."""

from __future__ import annotations

import traceback
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from seqlab.journal import JournalError, LabBook, RunNotFound
from seqlab.sweeps.errors import SweepNotFound
from seqlab.web import api, files, writes
from seqlab.web.forms import TooLong, read_form, received
from seqlab.web.guard import Guard
from seqlab.web.lab import STATIC, Lab, answer
from seqlab.web.pages import benchmarks, compare, generations, inside, journal, live, plan, run, runs, sweeps

__all__ = ["make_app"]

Page = Callable[[Lab, Request], Response]

PAGES: dict[str, Page] = {
    "/": journal.page,
    "/runs": runs.page,
    "/runs/{name}": run.page,
    "/runs/{name}/inside": inside.page,
    "/runs/{name}/inside/map": inside.one_map,
    "/runs/{name}/notes/{number}": files.note,
    "/runs/{name}/files/{file:path}": files.file,
    "/compare": compare.page,
    "/compare/judged": compare.judged,
    "/sweeps": sweeps.index,
    "/sweeps/{name}": sweeps.page,
    "/sweeps/{name}/judged": sweeps.judged,
    "/generations": generations.page,
    "/benchmarks": benchmarks.page,
    "/live": live.page,
    "/live/rows": live.rows,
    "/plan": plan.page,
    "/api/runs": api.runs,
    "/api/runs/{name}": api.run_of,
    "/api/runs/{name}/lines": api.lines_of,
    "/api/runs/{name}/lineage": api.lineage_of,
    "/api/curves": api.curves_of,
}
WRITES: dict[str, writes.Write] = {
    "/runs/{name}/note": writes.note,
    "/runs/{name}/tags": writes.tags,
    "/runs/{name}/stop": writes.stop,
    "/plan": writes.plan,
}


def make_app(book: LabBook, token: str | None = None) -> Starlette:
    """The lab book as an application. token: what browsers must bring; None: only this machine is answered."""
    lab = Lab(book)
    routes = [Route(path, _read(lab, page), methods=["GET"], name=f"get {path}") for path, page in PAGES.items()] + [
        Route(path, _write(lab, write), methods=["POST"], name=f"post {path}") for path, write in WRITES.items()
    ]
    app = Starlette(
        routes=[*routes, Mount("/static", StaticFiles(directory=STATIC))],
        middleware=[Middleware(Guard, token=token, book=str(book.root.resolve()))],
        exception_handlers={HTTPException: _plain(lab)},
    )
    app.state.lab = lab
    return app


def _read(lab: Lab, page: Page) -> Callable[[Request], object]:
    """A page whose every failure is a page."""

    async def guarded(request: Request) -> Response:
        return await run_in_threadpool(_answered, lab, request, lambda: page(lab, request))

    return guarded


def _write(lab: Lab, write: writes.Write) -> Callable[[Request], object]:
    async def guarded(request: Request) -> Response:
        try:
            sent = await received(request.stream())
        except TooLong as error:
            return _told(lab, request, str(error), 413)
        return await run_in_threadpool(_answered, lab, request, lambda: write(lab, request, read_form(sent)))

    return guarded


def _answered(lab: Lab, request: Request, made: Callable[[], Response]) -> Response:
    try:
        return made()
    except (RunNotFound, SweepNotFound, files.FileNotThere) as error:
        return _told(lab, request, str(error), 404)
    except TooLong as error:
        return _told(lab, request, str(error), 413)
    except JournalError as error:
        return _told(lab, request, str(error), 400)
    except FileNotFoundError as error:
        return _told(lab, request, f"{error.filename} is gone: it was removed while this page was made", 404)
    except Exception as error:  # a record of another form than this program knows: shown as what it is
        traceback.print_exception(error)
        told = f"this record cannot be shown ({type(error).__name__}: {error}); its files are as they were"
        return _told(lab, request, told, 422)


def _told(lab: Lab, request: Request, sentence: str, status: int) -> Response:
    if request.url.path.startswith("/api/"):
        return answer({"error": sentence}, status)
    return lab.page(request, "problem.html", status, sentence=sentence, is_missing=status == 404)


def _plain(lab: Lab) -> Callable[[Request, Exception], Response]:
    def handle(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 400
        if request.url.path.startswith("/static/"):
            return PlainTextResponse("there is no such file", status)
        return _told(lab, request, f"there is no page {request.method} {request.url.path}", status)

    return handle
