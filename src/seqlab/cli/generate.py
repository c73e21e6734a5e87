"""`seqlab generate`: a language model writes on."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqlab.cli import options, render
from seqlab.cli.computed import Computed, cell_options, devices_option, dtype_option, threads_option, use_threads
from seqlab.cli.writer import Writer, writer_of

if TYPE_CHECKING:
    from seqlab.generation.timed import Timed


class Ids(click.ParamType):  # type: ignore[type-arg]  # generic only in newer releases of click
    """Whole numbers between commas."""

    name = "ids"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        try:
            return [int(word) for word in value.split(",")] if value else []
        except ValueError:
            self.fail(f"{value!r} is not whole numbers between commas, such as 5,9,12.", param, ctx)


@click.command()
@click.argument("source", metavar="RUN[@STEP]|FOLDER", type=options.RunName())
@click.option("--prompt", metavar="TEXT", help="What the model goes on from; at least one symbol.")
@click.option("--ids", metavar="5,9,12", type=Ids(), help="The prompt as symbols; nothing is put before them.")
@click.option(
    "--symbols", "--max-new", "count", metavar="N", type=click.IntRange(min=1), default=200, show_default=True,
    help="How many symbols to write at most.",
)  # fmt: skip
@click.option("--temperature", metavar="T", type=float, default=1.0, show_default=True, help="0: always the likeliest.")
@click.option("--greedy", is_flag=True, help="Always the likeliest, as --temperature 0.")
@click.option("--top-k", metavar="K", type=int, help="Draw from the K likeliest only.")
@click.option("--top-p", metavar="P", type=float, help="Draw from the fewest that have the probability P together.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed writes the same text.")
@click.option(
    "--until-end/--past-end", "until_end", default=None,
    help="Whether to stop where the model ends its text [default: with --prompt, not with --ids].",
)  # fmt: skip
@dtype_option
@devices_option
@threads_option
@cell_options
@options.as_json
@options.book_option
def command(
    source: str, prompt: str | None, ids: list[int] | None, count: int, temperature: float, greedy: bool,
    top_k: int | None, top_p: float | None, seed: int, until_end: bool | None, dtype: str | None, devices: str,
    threads: int | None, computed: Computed, as_json: bool, runs: Path | None,
) -> None:  # fmt: skip
    """Write with a language model, as it comes.

    The model is that of a run, by its newest usable checkpoint or that of STEP (the run may still be training in
    another process), or of a folder of another program: its config.json and shards of weights. With --json one object
    tells what was written, and how fast.
    """
    from seqlab.generation.ending import Until
    from seqlab.generation.generate import generate
    from seqlab.generation.sampling import Sampling
    from seqlab.generation.timed import Timed

    if (prompt is None) == (ids is None):
        raise click.UsageError("say what to go on from: either --prompt TEXT or --ids 5,9,12.")
    sampling = Sampling(0.0 if greedy else temperature, top_k, top_p)
    use_threads(threads)
    writer = writer_of(source, dtype, runs, computed, devices)
    writer.introduce()
    given = writer.checked(ids if ids is not None else writer.ids_of(prompt or ""))
    stops = until_end if until_end is not None else ids is None
    drawn = Until(generate(writer.model, given, count, sampling, seed), writer.end if stops else None)
    timed = Timed(drawn, len(given))
    if as_json:
        written = list(timed)
        render.json_out({"output_ids": written, "stop_reason": drawn.reason} | _cost(writer, timed, len(given)))
        return
    _print(writer, timed, prompt)
    speed = timed.measured()
    click.echo(
        f"{len(timed.output_ids)} symbols: the first after {render.duration(speed['time_to_first_token_seconds'])}, "
        f"then {render.per_second(speed['decode_tokens_per_second']) or 'none'}; stopped by {drawn.reason}",
        err=True,
    )


def _cost(writer: Writer, timed: Timed, prompt: int) -> dict[str, Any]:
    """What was written took, with a prompt of so many symbols."""
    return {
        **timed.measured(),
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "state_bytes": writer.model.state_bytes(1, prompt + len(timed.output_ids)),
        "dtype": writer.dtype,
    }


def _print(writer: Writer, timed: Timed, prompt: str | None) -> None:
    """Text as it comes, with the prompt as it was typed; symbols where there is no alphabet, or symbols were given."""
    from seqlab.data.symbols import decoded

    if prompt is None or writer.symbols is None:
        pieces: Iterator[str | bytes] = (f"{symbol} " for symbol in timed)
    else:
        pieces = decoded(writer.symbols, timed)
        first = next(pieces, "")  # a prompt that cannot be read ends here, before anything is printed
        pieces = chain((prompt.encode(errors="surrogateescape"), first), pieces)
    for piece in pieces:
        click.echo(piece, nl=False)
    click.echo()
