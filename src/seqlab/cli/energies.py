"""`seqlab energies`: how probable fitted couplings find sequences, and their mutations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from seqlab.cli import options, render


@click.command()
@click.argument("source", metavar="RUN|FILE", type=options.RunName())
@click.argument("alignment", metavar="ALIGNMENT")
@click.option("--focus", metavar="NAME", help="Keep the columns where this sequence has a letter, as in the fit.")
@click.option("--mutations", metavar="NAME", help="Of this sequence: what each single mutation changes.")
@options.as_json
@options.book_option
def command(
    source: str, alignment: str, focus: str | None, mutations: str | None, as_json: bool, runs: Path | None
) -> None:
    """Score sequences by a fitted Potts model.

    The score is log p of an autoregressive model, in nats; of another sum_i h_i + sum_{i<j} J_ij, minus the energy. The
    highest is the most probable. With --mutations NAME every single mutation of that sequence, the change of its score;
    letters stand at their column of this alignment, counted from 1.
    """
    from seqlab.couplings.energies import mutation_effects, scores
    from seqlab.couplings.located import model_at
    from seqlab.data.alignments import ALPHABET
    from seqlab.data.alignments.reading import read_alignment

    model = model_at(source, runs)
    given = read_alignment(alignment, focus=focus)
    if mutations is None:
        found: list[dict[str, Any]] = [
            {"name": name, "score": value}
            for name, value in zip(given.names, scores(model, given.letters).tolist(), strict=True)
        ]
    else:
        if mutations not in given.names:
            raise click.ClickException(f"{alignment} has no sequence called {mutations!r}.")
        own = given.letters[given.names.index(mutations)]
        found = [
            {"mutation": f"{ALPHABET[own[site]]}{site + 1}{ALPHABET[letter]}", "change": change}
            for site, row in enumerate(mutation_effects(model, own).tolist())
            for letter, change in enumerate(row)
            if letter != own[site]
        ]
    if as_json:
        render.json_out(found)
    else:
        render.table(list(found[0]), [[render.plain(value) for value in row.values()] for row in found])
