"""`seqlab generations`: what models wrote, as the lab book kept it; one, or two side by side."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from seqlab.cli import options, render
from seqlab.journal import LabBook

HEAD = ("id", "age", "of", "dtype", "symbols", "first", "decode", "stopped by", "text")
SHOWN = 40
"""Characters of a text in the list."""
TEXTS = ("prompt", "prompt_ids", "text", "output_ids", "log_probabilities")
"""What is shown by itself, or is too long for a table."""
MEASURED = {
    "time_to_first_token_seconds": lambda value: f"{value:.3g} s",
    "prefill_tokens_per_second": render.per_second,
    "decode_tokens_per_second": render.per_second,
    "peak_memory_bytes": render.size,
    "state_bytes": render.size,
}


@click.command()
@click.argument("numbers", metavar="[ID [ID]]", type=int, nargs=-1)
@options.as_json
@options.book_option
def command(numbers: tuple[int, ...], as_json: bool, runs: Path | None) -> None:
    """List the texts that `seqlab generate` wrote, newest first; show one by its ID, or two side by side.

    A record has prompt, output, settings, why it stopped, the time to the first symbol, rates of reading and writing,
    peak memory, bytes of the state, kernels and dtype.
    """
    from seqlab.journal.generations import generation, generations

    if len(numbers) > 2:
        raise click.UsageError("two generations are shown side by side, not more.")
    book = LabBook(runs)
    records = [generation(book, number) for number in numbers] if numbers else generations(book)[::-1]
    if as_json:
        render.json_out(records)
    elif not records:
        click.echo(f"nothing was written yet in {book.root}; `seqlab generate` writes.")
    elif not numbers:
        render.table(HEAD, [_row(record) for record in records], left=("of", "dtype", "stopped by", "text"))
    else:
        _show(records)


def _row(record: Mapping[str, Any]) -> list[str]:
    return [
        str(record["id"]), render.ago(record["time"]), record["title"], record["dtype"],
        f"{len(record['output_ids']):,}", _told("time_to_first_token_seconds", record),
        _told("decode_tokens_per_second", record), record["stop_reason"],
        textwrap.shorten(record["text"], SHOWN, placeholder="..."),
    ]  # fmt: skip


def _show(records: Sequence[Mapping[str, Any]]) -> None:
    """Columns side by side, each with its share of the terminal, a star where two differ; below them the texts."""
    flat = [_flat(record) for record in records]
    names = list(dict.fromkeys(name for one in flat for name in one))
    room = (shutil.get_terminal_size((1 << 16, 24)).columns - max(map(len, names)) - 8) // len(records)
    rows = []
    for name in names:
        held = [one.get(name, "") for one in flat]
        star = ["" if held[0] == held[-1] else "*"] * (len(records) - 1)
        rows.append([name, *star, *(text if len(text) <= room else f"{text[: room - 1]}…" for text in held)])
    head = ["", *[""] * (len(records) - 1), *(f"generation {record['id']}" for record in records)]
    render.table(head, rows, left=head)
    for record in records:
        render.heading(f"Generation {record['id']}")
        click.echo((record["prompt"] or "").encode(errors="surrogateescape"), nl=False)
        click.echo(record["text"])


def _flat(record: Mapping[str, Any]) -> dict[str, str]:
    """Names and values of a record, parts of parts by dotted names."""
    told: dict[str, str] = {
        "prompt": f"{len(record['prompt_ids'])} symbols",
        "output": f"{len(record['output_ids'])} symbols",
    }
    for name, value in record.items():
        if name in TEXTS:
            continue
        if isinstance(value, Mapping):
            told |= {f"{name}.{below}": render.plain(held) for below, held in value.items()}
        else:
            told[name] = _told(name, record)
    return told


def _told(name: str, record: Mapping[str, Any]) -> str:
    value = record[name]
    if value is None:
        return ""
    return MEASURED[name](value) if name in MEASURED else render.plain(value)
