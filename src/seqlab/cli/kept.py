"""What was written as JSON and as a record of the lab book."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from seqlab.cli.wanted import Wanted
from seqlab.cli.writer import Writer
from seqlab.cli.written import Written

__all__ = ["as_object", "keep"]

Told = dict[str, Any]
ENVIRONMENT = ("seqlab", "torch", "processor", "cores", "threads", "native_kernels")


def as_object(writer: Writer, texts: Sequence[Written], wanted: Wanted) -> Told:
    """One object: of one text what it is and what it took, of several that in a list `texts`."""
    told = [_result(text, wanted) for text in texts]
    return {**(told[0] if len(told) == 1 else {"texts": told}), **_cost(writer, texts)}


def keep(writer: Writer, source: str, texts: Sequence[Written], wanted: Wanted, runs: Path | None) -> list[int]:
    """Append a record of each text to the lab book; their ids. Where that cannot be, a sentence says so."""
    from seqlab.journal import LabBook, ReadOnly
    from seqlab.journal.generations import add_generation

    book, ids = LabBook(runs), []
    shared = {"source": source, "title": writer.title, **_cost(writer, texts), **_computed(writer)}
    try:
        for text in texts:
            told = {**_given(text), **_result(text, wanted), "text": text.text, "loop": text.telling.loop}
            ids.append(add_generation(book, {**told, **shared, "together": len(texts), "settings": wanted.settings()}))
    except ReadOnly as error:  # the lab book may be another's: what was written is shown all the same
        click.echo(f"not kept: {error}.", err=True)
    return [number for number in ids if number is not None]


def _given(text: Written) -> Told:
    typed = text.prompt.text
    return {
        "prompt": None if typed is None else _readable(typed),
        "prompt_ids": text.prompt.ids,
        "symbols_before": text.seen,
    }


def _readable(text: str) -> str:
    """Bytes that were no text in the shell, and came to Python as lone surrogates, as U+FFFD."""
    return text.encode(errors="surrogateescape").decode(errors="replace")


def _result(text: Written, wanted: Wanted) -> Told:
    told: Told = {"output_ids": text.telling.ids, "stop_reason": text.telling.reason}
    if wanted.log_probabilities is not None:
        told["log_probabilities"] = [
            {
                "symbol": one.symbol,
                "log_probability": one.log_probability,
                "likeliest": [list(a) for a in one.likeliest],
            }
            for one in text.telling.drawn
        ]
    return told


def _cost(writer: Writer, texts: Sequence[Written]) -> Told:
    """What it took, of all that was written together."""
    longest = max(text.seen + len(text.telling.ids) for text in texts)
    return {
        **texts[0].timed.measured(),
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "state_bytes": _state_bytes(writer, longest),
        "dtype": writer.dtype,
    }


def _state_bytes(writer: Writer, length: int) -> int | None:
    """Of one text; None where a mixer of the user's own does not say: what was written is shown all the same."""
    try:
        return writer.model.state_bytes(1, length)
    except NotImplementedError:
        return None


def _computed(writer: Writer) -> Told:
    import torch

    from seqlab.kernels.taken import taken
    from seqlab.nn.matrix_cell import resolved
    from seqlab.train.environment import environment

    here = environment(torch.device("cpu"), torch.get_default_dtype())
    return {
        "kernels": taken(),
        "cell": resolved(writer.model),
        "environment": {name: here[name] for name in ENVIRONMENT},
    }
