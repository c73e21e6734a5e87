"""`seqlab sample`: sequences drawn from fitted couplings."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seqlab.cli import options, render

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from seqlab.couplings.sampling import Steps


@click.command()
@click.argument("source", metavar="RUN|FILE", type=options.RunName())
@click.option("--count", metavar="N", type=click.IntRange(min=1), default=200, show_default=True, help="Sequences.")
@click.option("--sweeps", metavar="N", type=click.IntRange(min=1), default=100, show_default=True,
              help="Of steps over all sites, each sequence a chain (not for arDCA).")  # fmt: skip
@click.option("--steps", type=click.Choice(["gibbs", "metropolis"]), default="gibbs", show_default=True,
              help="A site's letter drawn given all others, or one offered and taken or not.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Of the draws.")
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), required=True,
              help="Where they go; the ending says how: .fasta, .a3m, .sto, .txt, .npy.")  # fmt: skip
@options.as_json
@options.book_option
def command(
    source: str, count: int, sweeps: int, steps: Steps, seed: int, out: Path, as_json: bool, runs: Path | None
) -> None:  # fmt: skip
    """Draw sequences from a fitted Potts model.

    From an autoregressive one site by site, each sequence exact and by itself. From another by steps of many
    chains from random sequences: the mean score over the last sweeps, and before, tells whether they have settled.
    """
    from seqlab.couplings.energies import scores
    from seqlab.couplings.located import model_at
    from seqlab.couplings.sampling import STEPS, ancestral
    from seqlab.data import progress
    from seqlab.data.alignments.reading import kind_of
    from seqlab.data.alignments.writing import write_alignment
    from seqlab.journal.files import clearly

    kind_of(str(out))
    model = model_at(source, runs)
    begun = time.perf_counter()
    found: dict[str, float | int | str] = {"sequences": count}
    if model.law == "autoregressive":
        letters = ancestral(model, count, seed)
    else:
        drawn: Iterator[NDArray[np.uint8]] = islice(STEPS[steps](model, count, seed), sweeps)
        for number, letters in enumerate(progress.told("drawing", drawn, lambda _: 1, sweeps), start=1):
            if number in (max(1, sweeps // 2), sweeps):
                found[f"mean score after {number:,} sweeps"] = float(scores(model, letters).mean())
    found["seconds"] = time.perf_counter() - begun
    with clearly(out):
        write_alignment(out, [f"sample-{number}" for number in range(1, count + 1)], letters)
    if as_json:
        render.json_out({**found, "file": str(out)})
        return
    render.pairs((name, f"{value:,}" if isinstance(value, int) else render.figure(float(value)))
                 for name, value in found.items())  # fmt: skip
    click.echo(f"\n  {out}")
