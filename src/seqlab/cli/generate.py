"""`seqlab generate`: a run's model writes on."""

from __future__ import annotations

import time
from itertools import chain
from pathlib import Path

import click

from seqlab.cli import options
from seqlab.cli.options import RunAt


@click.command()
@options.run_at_argument
@click.option("--prompt", metavar="TEXT", required=True, help="What the model goes on from; at least one symbol.")
@click.option(
    "--symbols",
    metavar="N",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    help="How many symbols to write.",
)
@click.option("--temperature", metavar="T", type=float, default=1.0, show_default=True, help="0: always the likeliest.")
@click.option("--top-k", metavar="K", type=int, help="Draw from the K likeliest only.")
@click.option("--top-p", metavar="P", type=float, help="Draw from the fewest that have the probability P together.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed writes the same text.")
@options.book_option
def command(
    run_at: RunAt, prompt: str, symbols: int, temperature: float, top_k: int | None, top_p: float | None, seed: int,
    runs: Path | None,
) -> None:  # fmt: skip
    """Write text with a run's language model, as it comes.

    Uses the newest usable checkpoint, or that of STEP; the run may still be training in another process.
    """
    from seqlab.api import TrainedRun
    from seqlab.generation.sampling import Sampling
    from seqlab.journal import LabBook
    from seqlab.train.load import made_elsewhere, pick_checkpoint

    sampling = Sampling(temperature, top_k, top_p)
    run = TrainedRun(LabBook(runs).open(run_at.name).folder)
    if "symbols" not in run.origin.get("assets", {}):
        why = f"{run.name} is no language model with an alphabet of its own; it writes nothing."
        raise click.ClickException(made_elsewhere(run) or why)
    checkpoint, skipped = pick_checkpoint(run, run_at.step)
    for sentence in skipped:
        click.echo(sentence, err=True)
    click.echo(f"{run.name} at step {checkpoint.step:,}", err=True)
    run.step = checkpoint.step
    _ = run.model  # loaded before the clock starts
    start = time.perf_counter()
    pieces = run.stream(prompt, symbols=symbols, sampling=sampling, seed=seed)
    first = next(pieces, "")  # a prompt that cannot be read ends here, before anything is printed
    for piece in chain((prompt.encode(errors="surrogateescape"), first), pieces):  # the bytes that were typed
        click.echo(piece, nl=False)
    seconds = time.perf_counter() - start
    click.echo()
    click.echo(f"{symbols} symbols in {seconds:.1f} s, {symbols / seconds:,.0f} tokens/s", err=True)
