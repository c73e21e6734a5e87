"""The server: from the logits of a prompt to the first symbol on the client's side of the socket."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import torch
import uvicorn
from torch import Tensor

from seqlab.bench import Options, Row
from seqlab.bench.shared.timing import Timing
from seqlab.bench.shared.xlstm import Sizes, drawn
from seqlab.generation.batching import Batch
from seqlab.mixers import State
from seqlab.serve.app import make_app
from seqlab.serve.engine import Engine
from seqlab.serve.metrics import Metrics
from seqlab.serve.served import Served

__all__ = ["measure"]

SYMBOLS = 4
"""Symbols of a text."""


def measure(options: Options) -> list[Row]:
    """Milliseconds, one client after the other, and one that comes while `others` texts are being written."""
    sizes = Sizes(blocks=1, dim=128, vocabulary=64) if options.quick else Sizes()
    model = _Watched(sizes)
    rows, asked = [], 3 if options.quick else 20
    with _serving(model, sizes.vocabulary) as port:
        _first_symbol(port)  # warm
        for others in (0, 7):
            with _company(port, others):
                samples = [_first_symbol(port) - model.read_at for _ in range(asked)]
            what = "first symbol on the socket" + (f", {others} others written" if others else "")
            rows.append(Timing(tuple(samples)).row(what, "ms", scale=1e3, target=None if others else 10.0))
    return rows


class _Watched:
    """A model that tells when it had read a prompt."""

    def __init__(self, sizes: Sizes) -> None:
        self._model, self.read_at = drawn(sizes), 0.0
        self.max_length, self.read_on = None, self._model.read_on

    def prefill(self, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        found = self._model.prefill(tokens, lengths)
        self.read_at = time.perf_counter()
        return found

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        return self._model.step(tokens, state)


@contextmanager
def _serving(model: _Watched, vocabulary: int) -> Iterator[int]:
    """The server in this process; its port."""
    engine = Engine(Batch(model), rows=16, line=16, metrics=Metrics())
    offered = Served(name="bench", vocabulary=vocabulary, context=None, symbols=None)
    settings = uvicorn.Config(make_app(offered, engine), port=0, log_level="error", lifespan="on", ws="none")
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield int(server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = True
        thread.join()
        engine.join()


def _ask(connection: http.client.HTTPConnection, count: int) -> http.client.HTTPResponse:
    body = {"prompt": torch.arange(1, 33).tolist(), "max_tokens": count, "stream": True, "seed": 0}
    connection.request("POST", "/v1/completions", json.dumps(body))
    return connection.getresponse()


def _first_symbol(port: int) -> float:
    """When the first symbol of a text came."""
    with closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
        answer = _ask(connection, SYMBOLS)
        answer.readline()
        came = time.perf_counter()
        answer.read()
    return came


@contextmanager
def _company(port: int, others: int) -> Iterator[None]:
    """Texts that are written meanwhile; they end when their clients leave."""
    connections = [http.client.HTTPConnection("127.0.0.1", port) for _ in range(others)]
    for connection in connections:
        _ask(connection, 4000).readline()
    try:
        yield
    finally:
        for connection in connections:
            connection.close()
