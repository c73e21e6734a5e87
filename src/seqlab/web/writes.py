"""What is written from a page: each time one line, appended by the journal's own functions, as a terminal does it."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from seqlab.journal import JournalError, planning
from seqlab.journal.plan import STATES
from seqlab.sweeps.engines.waiting import ask_to_stop
from seqlab.web.forms import Form
from seqlab.web.lab import Lab

__all__ = ["Write", "note", "plan", "stop", "tags"]

Write = Callable[[Lab, Request, Form], Response]


def note(lab: Lab, request: Request, sent: Form) -> Response:
    """A note, a verdict, or both."""
    run = lab.run(request.path_params["name"])
    run.note(sent.get("text", ""), sent.get("verdict") or None)
    return _back(lab, sent, f"/runs/{quote(run.name, safe='')}#notes")


def tags(lab: Lab, request: Request, sent: Form) -> Response:
    """Tags to add and to take away, words with spaces between."""
    run = lab.run(request.path_params["name"])
    add, remove = sent.get("add", "").split(), sent.get("remove", "").split()
    if not add and not remove:
        raise JournalError("no tag was named; write one")
    run.tag(*add, remove=remove)
    return _back(lab, sent, f"/runs/{quote(run.name, safe='')}")


def stop(lab: Lab, request: Request, sent: Form) -> Response:
    """Ask a run to save and end."""
    run = lab.run(request.path_params["name"])
    ask_to_stop(lab.book, run)
    return _back(lab, sent, f"/runs/{quote(run.name, safe='')}")


def plan(lab: Lab, request: Request, sent: Form) -> Response:
    """An item of the plan, or a change of one: `do` says which."""
    number = _number(sent, "id")
    match sent.get("do"):
        case "add":
            planning.add(lab.book, sent.get("text", ""), _number(sent, "under"))
        case "state" if number is not None:
            planning.change(lab.book, number, _state(sent.get("state", "")), sent.get("note") or None)
        case "link" if number is not None:
            planning.link(lab.book, number, sent.get("runs", "").split())
        case _:
            raise JournalError("nothing was said to be done with the plan; use its form")
    return _back(lab, sent, "/plan")


def _number(sent: Form, name: str) -> int | None:
    text = sent.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 10 else None


def _state(text: str) -> str:
    if text not in STATES:
        raise JournalError(f"an item of the plan is {', '.join(STATES)}, and not {text!r}")
    return text


def _back(lab: Lab, sent: Form, otherwise: str) -> Response:
    """To the page that it came from, as long as that is one of these."""
    lab.index.forget_time()
    back = sent.get("back", "")
    is_ours = re.fullmatch(r"/(?![/\\])[^\s\\]*", back) is not None
    place = back if is_ours else otherwise
    return RedirectResponse(place, 303)
