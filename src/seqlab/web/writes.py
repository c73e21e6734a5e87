"""What is written from a page: each time one line, appended by the journal's own functions, as a terminal does it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs, quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from seqlab.journal import JournalError, planning
from seqlab.journal.plan import STATES
from seqlab.sweeps.engines.waiting import ask_to_stop
from seqlab.web.lab import Lab

__all__ = ["Form", "Write", "form", "note", "plan", "stop", "tags"]

Form = Mapping[str, str]
Write = Callable[[Lab, Request, Form], Response]
LARGEST = 16 * 2**20
"""Bytes of what is sent."""


async def form(request: Request) -> Form | str:
    """The fields that were sent, or what is wrong with them."""
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > LARGEST:
            return f"what was sent is longer than {LARGEST / 2**20:.0f} MiB, so nothing was written"
    try:
        fields = parse_qs(data.decode(), keep_blank_values=True, max_num_fields=100)
    except ValueError:
        return "what was sent is no form in UTF-8, so nothing was written"
    return {name: values[-1].replace("\r\n", "\n") for name, values in fields.items()}


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
