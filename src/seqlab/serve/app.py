"""The paths of the server."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable

import numpy as np
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from seqlab.serve.answers import Answer, ChatAnswer, error, usage
from seqlab.serve.bodies import ChatBody, CompletionBody, Refused, parsed
from seqlab.serve.engine import Broken, Engine, Stopping
from seqlab.serve.served import Served
from seqlab.serve.streaming import streamed
from seqlab.serve.waiting import Full
from seqlab.serve.writing import Piece, Writing

__all__ = ["make_app"]

Handler = Callable[[Request], Awaitable[Response]]


def make_app(served: Served, engine: Engine, key: str | None = None) -> Starlette:
    """The server of one model. key: what clients must send as `Authorization: Bearer KEY`, None for nothing."""
    server = _Server(served, engine, key)
    paths: list[tuple[str, str, Handler]] = [
        ("GET", "/health", server.health),
        ("GET", "/metrics", server.metrics),
        ("GET", "/v1/models", server.models),
        ("POST", "/v1/completions", server.completions),
        ("POST", "/v1/chat/completions", server.chat),
    ]
    routes = [Route(path, server.guarded(path, handler), methods=[method]) for method, path, handler in paths]
    return Starlette(routes=routes, exception_handlers={HTTPException: _no_such_path}, lifespan=server.life)


async def _no_such_path(request: Request, exception: Exception) -> Response:
    assert isinstance(exception, HTTPException)
    what = f"there is nothing under {request.method} {request.url.path}; see /v1/models, /v1/completions."
    return JSONResponse(error(what), exception.status_code)


class _Server:
    def __init__(self, served: Served, engine: Engine, key: str | None):
        self.served, self.engine, self.key = served, engine, key

    @contextlib.asynccontextmanager
    async def life(self, app: Starlette) -> AsyncIterator[None]:
        self.engine.start()
        yield
        self.engine.stop()

    def guarded(self, path: str, handler: Handler) -> Handler:
        """The handler behind the key, whose every failure is an answer, and counted."""

        async def guard(request: Request) -> Response:
            try:
                self._check_key(path, request)
                response = await handler(request)
            except Refused as refused:
                response = JSONResponse(error(str(refused)), refused.status)
            except Full as full:
                response = JSONResponse(error(str(full), "rate_limit_error"), 429, {"Retry-After": "1"})
            except Stopping as stopping:
                response = JSONResponse(error(str(stopping), "server_error"), 503)
            except Broken as broken:
                response = JSONResponse(error(f"the model could not write this: {broken}", "server_error"), 500)
            except ClientDisconnect:
                response = Response(status_code=499)
            except Exception as fault:  # a server never dies of a request
                traceback.print_exception(fault)
                sentence = f"this is a fault of the server's own ({type(fault).__name__}); its log says more."
                response = JSONResponse(error(sentence, "server_error"), 500)
            self.engine.metrics.answers.labels(path, response.status_code).inc()
            return response

        return guard

    def _check_key(self, path: str, request: Request) -> None:
        if self.key is None or path == "/health":
            return
        sent = request.headers.get("authorization", "")
        if not hmac.compare_digest(sent.encode(), f"Bearer {self.key}".encode()):
            raise Refused(401, "this server needs its key: send `Authorization: Bearer KEY`.")

    async def health(self, request: Request) -> Response:
        writing, waiting = self.engine.counts()
        return JSONResponse({"status": "ok", "model": self.served.name, "writing": writing, "waiting": waiting})

    async def metrics(self, request: Request) -> Response:
        return Response(self.engine.metrics.exposed(*self.engine.counts()), media_type="text/plain; version=0.0.4")

    async def models(self, request: Request) -> Response:
        one = {"id": self.served.name, "object": "model", "created": 0, "owned_by": "seqlab"}
        return JSONResponse({"object": "list", "data": [one]})

    async def completions(self, request: Request) -> Response:
        body = parsed(CompletionBody, await self._body(request))
        answer = Answer(self.served.name, self.served.symbols)
        prompts = self.served.prompts(body)
        return await self._answer(request, body, answer, prompts)

    async def chat(self, request: Request) -> Response:
        body = parsed(ChatBody, await self._body(request))
        answer = ChatAnswer(self.served.name, self.served.symbols)
        return await self._answer(request, body, answer, [self.served.chat(body)])

    async def _body(self, request: Request) -> bytes:
        """The body, as long as it is not too large: a larger one is not even read."""
        limit, data = self.served.limits.body, bytearray()
        announced = request.headers.get("content-length", "0")
        if announced.isdecimal() and int(announced) <= limit:
            async for piece in request.stream():
                data += piece
                if len(data) > limit:
                    break
            else:
                return bytes(data)
        raise Refused(413, f"the body is larger than the {limit:,} bytes that this server reads.")

    async def _answer(
        self, request: Request, body: CompletionBody | ChatBody, answer: Answer, prompts: list[tuple[int, ...]]
    ) -> Response:
        orders = [order for prompt in prompts for order in self.served.orders(body, prompt)]
        if body.stops and self.served.symbols is None:
            raise Refused(400, f"{self.served.name} has no tokenizer, so its texts have no strings to stop at.")
        client = request.headers.get("authorization") or (request.client.host if request.client else "")
        writings = [Writing(self.engine, order, self.served.symbols, body.stops, client) for order in orders]
        _submit(writings)
        before = [self._echo(body, order.prompt) for order in orders]
        read = sum(map(len, prompts))
        if body.stream:
            told = streamed(body, answer, writings, before, read)
            return StreamingResponse(told, media_type="text/event-stream", headers={"Cache-Control": "no-cache"})
        texts = await _all_unless_gone(request, writings)
        asked = body.asked is not None
        choices = [answer.choice(place, text, asked, before[place]) for place, text in enumerate(texts)]
        return JSONResponse(answer.whole(choices, usage(read, sum(writing.written for writing in writings))))

    def _echo(self, body: CompletionBody | ChatBody, prompt: tuple[int, ...]) -> str:
        """The prompt, before the text, where that was asked for."""
        if not isinstance(body, CompletionBody) or not body.echo:
            return ""
        if isinstance(body.prompt, str):
            return body.prompt
        shown = prompt[1:] if prompt[0] == self.served.begin else prompt
        symbols = self.served.symbols
        if symbols is None:
            return "".join(f"{one} " for one in shown)
        return symbols.decode(np.array(shown, np.int64)).decode(errors="replace")


def _submit(writings: list[Writing]) -> None:
    """All of them or none."""
    for place, writing in enumerate(writings):
        try:
            writing.submit()
        except Exception:
            for before in writings[:place]:
                before.cancel()
            raise


async def _all_unless_gone(request: Request, writings: list[Writing]) -> list[list[Piece]]:
    """All texts, whole. Raises ClientDisconnect when the client goes away before."""

    async def whole(writing: Writing) -> list[Piece]:
        return [piece async for piece in writing.pieces()]

    async def gone() -> None:
        while not await request.is_disconnected():
            await asyncio.sleep(0.1)

    texts: asyncio.Future[list[list[Piece]]] = asyncio.gather(*map(whole, writings))
    leaving: asyncio.Future[None] = asyncio.ensure_future(gone())
    try:
        await asyncio.wait((texts, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not texts.done():
            raise ClientDisconnect
        return texts.result()
    finally:
        leaving.cancel()
        texts.cancel()
        for writing in writings:
            writing.cancel()
