"""`seqlab couplings`: the Potts model that a network emits for a structure, into a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqlab.cli import options, render

if TYPE_CHECKING:
    from seqlab.cli.options import RunAt
    from seqlab.journal import Run


@click.command()
@options.run_at_argument
@click.argument("structure", metavar="STRUCTURE")
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), required=True,
              help="Where they go; the ending says how: .npz, .txt, .txt.gz.")  # fmt: skip
@click.option("--alignment", metavar="ALIGNMENT", help="Keep the residues that have a column of it.")
@click.option("--zero-sum", is_flag=True, help="Write them in the zero-sum gauge, fields too.")
@options.as_json
@options.book_option
def command(
    run_at: RunAt, structure: str, out: Path, alignment: str | None, zero_sum: bool, as_json: bool, runs: Path | None
) -> None:
    """Write the couplings that a network emits for a structure.

    STRUCTURE is a PDB or mmCIF file (FILE#CHAIN, FILE#CHAIN:FIRST-LAST, card:NAME), which is encoded as those of
    training were; encodings of that kind, NAME.encodings.pt; or the name of a structure of the run's task, held out
    or not. `seqlab sample FILE`, `seqlab energies FILE ALIGNMENT` and `seqlab eval FILE msa --file ALIGNMENT` take what
    is written; with --alignment its columns are those of the residues.
    """
    from dataclasses import replace

    from seqlab.cli.read_structure import read_structure
    from seqlab.couplings.emitted import emitted
    from seqlab.couplings.saved import known_ending, save
    from seqlab.journal import LabBook
    from seqlab.journal.files import clearly
    from seqlab.models.potts import PottsModel
    from seqlab.train.load import experiment_of, load_model

    known_ending(out)
    run = LabBook(runs).open(run_at.name)
    task = _task(run, experiment_of(run))
    read = read_structure(task, structure, alignment)
    for note in read.notes:
        click.echo(note, err=True)
    length, features = read.encodings.shape
    model, checkpoint, skipped = load_model(run, run_at.step, reach=length)
    for sentence in skipped:
        click.echo(sentence, err=True)
    assert isinstance(model, PottsModel)
    _must_match(run, structure, features)
    trained = run.origin["signature"]["length"]
    if length > trained:
        click.echo(f"{structure} has {length:,} residues, and none of training more than {trained:,}.", err=True)
    potts = replace(emitted(model, read.encodings), kept=read.kept)
    if zero_sum and potts.law != "joint":
        raise click.UsageError(
            "--zero-sum goes with a joint model; the sites of an autoregressive one have own gauges."
        )
    with clearly(out):
        save(out, potts.zero_sum() if zero_sum else potts)
    found = {"run": run.name, "step": checkpoint.step, "checkpoint": checkpoint.digest(), "structure": read.name,
             "sites": length, "law": potts.law, "file": str(out)}  # fmt: skip
    if as_json:
        render.json_out(found)
    else:
        click.echo(f"{run.name} at step {checkpoint.step:,}: {read.name}, {length:,} sites, {potts.law}\n\n  {out}")


def _task(run: Run, experiment: Any) -> Any:
    """The task of a run whose model emits couplings. Raises ClickException for another."""
    from seqlab.models.potts import Potts
    from seqlab.spec import label
    from seqlab.tasks.shared.families import OfFamilies

    if not isinstance(experiment.model, Potts) or not isinstance(experiment.task, OfFamilies):
        raise click.ClickException(
            f"{run.name} emits no couplings: its model is {label(type(experiment.model))}, its task "
            f"{label(type(experiment.task))}; models/potts does, and a task of families tells how structures are read."
        )
    return experiment.task


def _must_match(run: Run, structure: str, features: int) -> None:
    (wanted,) = run.origin["signature"]["shape"]
    if features != wanted:
        raise click.ClickException(
            f"{structure} has encodings of {features:,} numbers a residue, and {run.name} reads {wanted:,}; encode it "
            "as the structures of training were."
        )
