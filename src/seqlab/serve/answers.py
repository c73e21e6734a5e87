"""The shapes of OpenAI's answers: completions, chats, their streams, usage, errors."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqlab.data.symbols import Symbols
from seqlab.generation.text import Drawn
from seqlab.serve.writing import Piece

__all__ = ["Answer", "ChatAnswer", "error", "usage"]

Json = dict[str, Any]


def usage(read: int, written: int) -> Json:
    """How many symbols were read and written."""
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def error(sentence: str, kind: str = "invalid_request_error") -> Json:
    """What is wrong, in OpenAI's form."""
    return {"error": {"message": sentence, "type": kind, "param": None, "code": None}}


@dataclass(frozen=True)
class Answer:
    """The answer to /v1/completions: `whole` at the end, or `chunk` by `chunk`."""

    model: str
    symbols: Symbols | None
    id: str = field(default_factory=lambda: f"cmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))
    object: str = "text_completion"
    chunk_object: str = "text_completion"

    def whole(self, choices: list[Json], used: Json) -> Json:
        """All texts at once."""
        return {**self._head(self.object), "choices": choices, "usage": used}

    def chunk(self, choices: list[Json], used: Json | None = None) -> Json:
        """A part of a stream; the usage comes last, with no choice."""
        return {**self._head(self.chunk_object), "choices": choices} | ({} if used is None else {"usage": used})

    def begin(self, index: int) -> list[Json]:
        """What a stream says of a text before its first piece."""
        return []

    def choice(self, index: int, pieces: Sequence[Piece], asked: bool, before: str = "", offset: int = 0) -> Json:
        """A whole text."""
        text = before + "".join(piece.text for piece in pieces)
        told = [drawn for piece in pieces for drawn in piece.drawn]
        return {
            "index": index,
            "text": text,
            "ids": [drawn.symbol for drawn in told],
            "logprobs": self._logprobs(told, offset) if asked else None,
            "finish_reason": pieces[-1].ended,
        }

    def delta(self, index: int, piece: Piece, asked: bool, offset: int = 0) -> Json:
        """A piece of a text."""
        return self.choice(index, [piece], asked, offset=offset)

    def _head(self, form: str) -> Json:
        return {"id": self.id, "object": form, "created": self.created, "model": self.model}

    def _logprobs(self, told: list[Drawn], offset: int) -> Json:
        tokens = [self.name_of(drawn.symbol) for drawn in told]
        lengths = [0, *np.cumsum([len(token) for token in tokens])[:-1].tolist()] if tokens else []
        return {
            "tokens": tokens,
            "token_logprobs": [drawn.log_probability for drawn in told],
            "top_logprobs": [{self.name_of(one): log for one, log in drawn.likeliest} for drawn in told],
            "text_offset": [offset + length for length in lengths],
        }

    def name_of(self, symbol: int) -> str:
        """A symbol as text; bytes that are no whole character as OpenAI writes them."""
        if self.symbols is None or symbol >= self.symbols.size:
            return str(symbol)
        data = self.symbols.decode(np.array([symbol]))
        try:
            return data.decode()
        except UnicodeDecodeError:
            return "bytes:" + "".join(f"\\x{byte:02x}" for byte in data)


@dataclass(frozen=True)
class ChatAnswer(Answer):
    """The answer to /v1/chat/completions."""

    id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    object: str = "chat.completion"
    chunk_object: str = "chat.completion.chunk"

    def begin(self, index: int) -> list[Json]:
        """The role comes first."""
        return [{"index": index, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]

    def choice(self, index: int, pieces: Sequence[Piece], asked: bool, before: str = "", offset: int = 0) -> Json:
        """A whole message."""
        said = {"role": "assistant", "content": "".join(piece.text for piece in pieces), "refusal": None}
        return {"index": index, "message": said, **self._end(pieces, asked)}

    def delta(self, index: int, piece: Piece, asked: bool, offset: int = 0) -> Json:
        """A piece of a message."""
        return {"index": index, "delta": {"content": piece.text}, **self._end([piece], asked)}

    def _end(self, pieces: Sequence[Piece], asked: bool) -> Json:
        told = [drawn for piece in pieces for drawn in piece.drawn]
        content = {"content": [self._content(drawn) for drawn in told], "refusal": None}
        return {"logprobs": content if asked else None, "finish_reason": pieces[-1].ended}

    def _content(self, drawn: Drawn) -> Json:
        return {
            **self._one(drawn.symbol, drawn.log_probability),
            "top_logprobs": [self._one(symbol, log) for symbol, log in drawn.likeliest],
        }

    def _one(self, symbol: int, log: float | None) -> Json:
        whole = self.symbols is not None and symbol < self.symbols.size
        data = list(self.symbols.decode(np.array([symbol]))) if whole and self.symbols is not None else None
        return {"token": self.name_of(symbol), "logprob": log, "bytes": data}
