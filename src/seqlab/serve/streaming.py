"""Texts as server-sent events, piece by piece."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from seqlab.serve.answers import Answer, error, usage
from seqlab.serve.bodies import ChatBody, CompletionBody
from seqlab.serve.writing import Piece, Writing

__all__ = ["streamed"]


async def streamed(
    body: CompletionBody | ChatBody, answer: Answer, writings: list[Writing], before: list[str], read: int
) -> AsyncIterator[str]:
    """Server-sent events: the pieces of all texts as they come, usage where asked for, and [DONE]."""
    queue: asyncio.Queue[tuple[int, Piece | Exception]] = asyncio.Queue()

    async def forward(place: int, writing: Writing) -> None:
        try:
            async for piece in writing.pieces():
                await queue.put((place, piece))
        except Exception as failure:
            await queue.put((place, failure))

    tasks = [asyncio.ensure_future(forward(place, writing)) for place, writing in enumerate(writings)]
    offsets = [len(text) for text in before]
    asked = body.asked is not None
    try:
        for place, text in enumerate(before):
            begin = answer.begin(place) or ([answer.delta(place, Piece(text, ()), False)] if text else [])
            if begin:
                yield _event(answer.chunk(begin))
        going = len(writings)
        while going:
            place, piece = await queue.get()
            if isinstance(piece, Exception):
                yield _event(error(f"the model could not write this: {piece}", "server_error"))
                return
            yield _event(answer.chunk([answer.delta(place, piece, asked, offsets[place])]))
            offsets[place] += len(piece.text)
            going -= piece.ended is not None
        if body.stream_options is not None and body.stream_options.include_usage:
            yield _event(answer.chunk([], usage(read, sum(writing.written for writing in writings))))
        yield "data: [DONE]\n\n"
    finally:
        for task in tasks:
            task.cancel()
        for writing in writings:
            writing.cancel()


def _event(content: dict[str, Any]) -> str:
    return f"data: {json.dumps(content, ensure_ascii=False)}\n\n"
