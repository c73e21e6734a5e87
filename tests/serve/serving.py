"""A server in this process: a tiny model on a port of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import uvicorn

from seqlab.data.signature import Signature
from seqlab.data.symbols import Bytes, Symbols
from seqlab.generation.batching import Batch
from seqlab.mixers.mlstm import MLSTM
from seqlab.models import Block
from seqlab.models.lm import LM, LanguageModel
from seqlab.nn.inits.normal import Normal
from seqlab.serve.app import make_app
from seqlab.serve.engine import Engine
from seqlab.serve.metrics import Metrics
from seqlab.serve.served import Served

BYTES = Bytes()


def tiny_model(vocabulary: int = 256) -> LanguageModel:
    torch.manual_seed(0)
    wide = Normal(scale=0.4)
    spec = LM(dim=16, layers=(Block(mixer=MLSTM(heads=2)),), init=wide, embedding_init=wide)
    return spec.build(Signature(vocabulary=vocabulary, length=64)).double().eval()


@dataclass
class Running:
    url: str
    model: LanguageModel
    engine: Engine


@contextmanager
def running(
    *, symbols: Symbols | None = BYTES, rows: int = 16, line: int = 256, key: str | None = None, **served: Any
) -> Iterator[Running]:
    """`served`: further fields of what is served."""
    model = tiny_model()
    engine = Engine(Batch(model), rows=rows, line=line, metrics=Metrics())
    offered = Served(name="tiny", vocabulary=256, context=model.max_length, symbols=symbols, **served)
    settings = uvicorn.Config(
        make_app(offered, engine, key), host="127.0.0.1", port=0, log_level="error", lifespan="on", ws="none"
    )
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Running(f"http://127.0.0.1:{port}", model, engine)
    finally:
        server.should_exit = True
        thread.join()
        engine.join(10)
