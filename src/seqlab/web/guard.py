"""Who is let in: the right host, the right token, and writes from these pages only. And what every answer says."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Guard"]

LOCAL = ("localhost", "127.0.0.1", "::1")
SAFE = ("GET", "HEAD")
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """Stands before the pages.

    Without a token only this machine's names are answered to: a page elsewhere whose name was made to point here sees
    nothing. With one it is asked for, in `Authorization: Bearer`, in a cookie, or once as `?token=`. The cookie has the
    lab book's own name, for a browser sends a host's cookies to all of its ports.
    """

    def __init__(self, app: ASGIApp, token: str | None, book: str) -> None:
        self.app, self.token = app, token
        self.cookie = f"seqlab_{hashlib.sha256(book.encode(errors='surrogateescape')).hexdigest()[:16]}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        refused = self._refusal(scope)
        await (refused or self.app)(scope, receive, with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        """Why this request is not answered; None when it is."""
        headers = Headers(scope=scope)
        host = _hostname(headers.get("host", ""))
        if self.token is None and host not in LOCAL:
            return PlainTextResponse(f"this lab book answers to {LOCAL[0]}, not to {host!r}", 421)
        if self.token is not None and (refused := self._without_token(scope, headers, self.token)):
            return refused
        if scope["method"] not in SAFE and not _is_from_here(headers):
            return PlainTextResponse("this does not come from a page of this lab book, so nothing was written", 403)
        return None

    def _without_token(self, scope: Scope, headers: Headers, token: str) -> Response | None:
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        if scope["method"] in SAFE and any(_same(one, token) for one in query.pop("token", [])):
            rest = urlencode(query, doseq=True)
            here = "/" + quote(scope["path"].lstrip("/"))  # two slashes would begin the name of another host
            found = RedirectResponse(here + (f"?{rest}" if rest else ""), 303)
            found.set_cookie(self.cookie, token, httponly=True, samesite="strict")
            return found
        kind, _, sent = headers.get("authorization", "").partition(" ")
        kept = cookie_parser(headers.get("cookie", "")).get(self.cookie, "")
        if (kind == "Bearer" and _same(sent, token)) or _same(kept, token):
            return None
        told = "this lab book needs its token: open the address that `seqlab web` printed, or add ?token=TOKEN"
        return PlainTextResponse(told, 401, {"WWW-Authenticate": "Bearer"})


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_from_here(headers: Headers) -> bool:
    """Whether a browser says that a page of this very origin sends this; what says nothing is refused."""
    origin = headers.get("origin")
    if origin is not None:
        scheme, _, host = origin.partition("://")
        return scheme in ("http", "https") and host == headers.get("host")
    return headers.get("sec-fetch-site") == "same-origin"


def _same(sent: str, token: str) -> bool:
    return hmac.compare_digest(sent.encode(), token.encode())
