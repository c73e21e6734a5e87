"""`seqlab quantise`: what a language model loses with fewer bits, on a text that it has not seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from seqlab.cli import options, render
from seqlab.cli.writer import Writer, writer_of

DTYPES = "float32", "bfloat16", "int8", "int4"
HEAD = ("dtype", "weights", "bits per byte", "change", "same symbol")


@click.command()
@click.argument("source", metavar="RUN[@STEP]|FOLDER", type=options.RunName())
@click.option(
    "--file", "text", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True,
    help="A text that the model has not seen.",
)  # fmt: skip
@click.option(
    "--length", metavar="N", type=click.IntRange(min=1), default=256, show_default=True,
    help="Symbols of a piece; each is read from nothing.",
)  # fmt: skip
@options.as_json
@options.book_option
def command(source: str, text: Path, length: int, as_json: bool, runs: Path | None) -> None:
    """Compare a language model in float32 with itself in bfloat16, int8 and int4 (`generate --dtype`).

    Tells the bytes of the weights, the bits per byte of the text and how they change, and the share of positions at
    which the likeliest symbol stays the same.
    """
    rows = _compared(source, text, length, runs)
    if as_json:
        render.json_out(rows)
        return
    cells = [
        [
            row["dtype"], render.size(row["weight_bytes"]), f"{row['bits_per_byte']:.4f}", f"{row['change']:+.2%}",
            f"{row['agreement']:.2%}",
        ]
        for row in rows
    ]  # fmt: skip
    render.table(HEAD, cells, left=("dtype",))


def _compared(source: str, text: Path, length: int, runs: Path | None) -> list[dict[str, Any]]:
    from seqlab.generation.quantisation import quality, weight_bytes

    rows: list[dict[str, Any]] = []
    content, symbols, whole = text.read_bytes(), None, None
    for dtype in DTYPES:
        writer = writer_of(source, dtype, runs, {})
        symbols = symbols if symbols is not None else _symbols(writer, content)
        try:
            found = quality(writer.model, symbols, length)
        except ValueError as error:
            raise click.ClickException(f"{text}: {error}") from None
        whole = whole or found
        bits = found.bits_per_symbol * len(symbols) / len(content)
        rows.append(
            {
                "dtype": dtype,
                "weight_bytes": weight_bytes(writer.model),
                "bits_per_byte": bits,
                "change": found.bits_per_symbol / whole.bits_per_symbol - 1,
                "agreement": found.agreement(whole),
            }
        )
    return rows


def _symbols(writer: Writer, content: bytes) -> list[int]:
    if writer.symbols is None:
        raise click.UsageError(f"{writer.title} has no tokenizer.json, so that no text can be read.")
    return [int(symbol) for symbol in writer.symbols.encode(content)]
