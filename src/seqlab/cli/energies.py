"""`seqlab energies`: how probable fitted couplings find sequences, and their mutations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from seqlab.cli import options, render


@click.command()
@click.argument("source", metavar="RUN|FILE", type=options.RunName())
@click.argument("alignment", metavar="ALIGNMENT")
@click.option("--focus", metavar="NAME",
              help="Keep the columns where this sequence has a letter [default: those that the fit kept].")  # fmt: skip
@click.option("--structure", metavar="FILE[#CHAIN[:FIRST-LAST]]",
              help="Keep the columns of its residues [default: those that the fit kept].")  # fmt: skip
@click.option("--mutations", metavar="NAME", help="Of this sequence: what each single mutation changes.")
@options.as_json
@options.book_option
def command(
    source: str, alignment: str, focus: str | None, structure: str | None, mutations: str | None, as_json: bool,
    runs: Path | None,
) -> None:  # fmt: skip
    """Score sequences by a fitted Potts model.

    The score is log p of an autoregressive model, in nats; of another sum_i h_i + sum_{i<j} J_ij, minus the energy. The
    highest is the most probable. A model that was fitted without gaps passes them over. Of an alignment as wide as that
    of the fit the columns are scored that the fit kept, of another all. With --mutations NAME every single mutation of
    that sequence, the change of its score; sites are the columns that are kept, counted from 1.
    """
    from seqlab.couplings.energies import mutation_effects, scores
    from seqlab.couplings.family import choose_for
    from seqlab.couplings.located import model_at
    from seqlab.data.alignments import ALPHABET
    from seqlab.data.alignments.reading import place_of

    model = model_at(source, runs)
    chosen, passed_over = choose_for(model.kept, alignment, focus, structure)
    given = chosen.alignment
    if passed_over:
        click.echo(
            f"{alignment}: scored are {len(given.columns):,} of {given.width:,} columns, as in the fit.", err=True
        )
    for told in (*(f"{alignment}: {told}" for told in given.left_out), *chosen.notes):
        click.echo(told, err=True)
    if mutations is None:
        found: list[dict[str, Any]] = [
            {"name": name, "score": value}
            for name, value in zip(given.names, scores(model, given.letters).tolist(), strict=True)
        ]
    else:
        own = given.letters[place_of(alignment, given.names, mutations)]
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
