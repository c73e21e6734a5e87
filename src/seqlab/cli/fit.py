"""`seqlab fit`: fields and couplings of one alignment, as a run of the lab book."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqlab.cli import options, render

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from seqlab.couplings.descent import Point
    from seqlab.couplings.family import Chosen
    from seqlab.couplings.fits import DirectFit, Fitted
    from seqlab.journal import Run


@click.command()
@click.argument("method", metavar="METHOD")
@click.argument("alignment", metavar="ALIGNMENT")
@click.argument("changes", nargs=-1, metavar="[FIELD=VALUE]...")
@click.option("--focus", metavar="NAME", help="Keep the columns where this sequence has a letter.")
@click.option("--structure", metavar="FILE[#CHAIN[:FIRST-LAST]]",
              help="Keep the columns of its residues; judge by its contacts.")  # fmt: skip
@click.option("--unknown", type=click.Choice(["gap", "drop"]), default="gap", show_default=True,
              help="What becomes of B J O U X Z *: a gap, or the sequence is left out.")  # fmt: skip
@click.option("--most-gaps", metavar="SHARE", type=click.FloatRange(0, 1), default=1.0, show_default=True,
              help="Leave out sequences with more gaps.")  # fmt: skip
@click.option("--column-gaps", metavar="SHARE", type=click.FloatRange(0, 1), default=1.0, show_default=True,
              help="Leave out columns with more gaps, before sequences.")  # fmt: skip
@click.option("--held-out", metavar="SHARE", type=click.FloatRange(0, 0.9), default=0.0, show_default=True,
              help="Leave a random share of the sequences to `seqlab eval`.")  # fmt: skip
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), help="Also write it to .npz, .txt or .txt.gz.")
@click.option("--zero-sum", is_flag=True, help="Write --out in the zero-sum gauge, fields too.")
@click.option("--name", metavar="NAME", help="The run's name [default: a new one].")
@click.option("--why", metavar="TEXT", help="What it is for.")
@options.as_json
@options.book_option
def command(
    method: str, alignment: str, changes: tuple[str, ...], focus: str | None, structure: str | None, unknown: str,
    most_gaps: float, column_gaps: float, held_out: float, out: Path | None, zero_sum: bool, name: str | None,
    why: str | None, as_json: bool, runs: Path | None,
) -> None:  # fmt: skip
    """Fit a Potts model to one alignment.

    METHOD is plmdca, ardca, mean_field or independent, its settings FIELD=VALUE. ALIGNMENT is card:NAME or a file of
    FASTA, a3m, Stockholm or numbers. The run keeps the objective after each step and the model, couplings.npz, which
    `seqlab eval RUN msa`, `seqlab sample` and `seqlab energies` take.
    """
    from seqlab.couplings.family import choose, parts
    from seqlab.couplings.located import MODEL
    from seqlab.couplings.saved import known_ending, save
    from seqlab.data.alignments import SIZE
    from seqlab.data.text import absolute
    from seqlab.journal import LabBook
    from seqlab.journal.files import clearly
    from seqlab.spec import find, override, to_json

    spec: DirectFit = override(find("couplings/fits", method)(), list(changes))  # type: ignore[assignment]
    if out is not None:
        known_ending(out)
    if zero_sum and (out is None or spec.law != "joint"):
        raise click.UsageError("--zero-sum goes with --out FILE, and not with ardca, whose sites have own gauges.")
    limits: Any = {"unknown": unknown, "most_gaps": most_gaps, "column_gaps": column_gaps}
    chosen = choose(alignment, focus, structure, **limits)
    letters = chosen.alignment.letters
    spec.must_fit(letters.shape[1], SIZE)
    for told in chosen.alignment.left_out:
        click.echo(f"{alignment}: {told}", err=True)
    for note in chosen.notes:
        click.echo(note, err=True)
    given = {"alignment": absolute(alignment), "focus": focus, "structure": structure and absolute(structure)}
    config = {"fit": to_json(spec), **given, **limits, "held_out": held_out}
    run = LabBook(runs).create(
        {"config": config}, name=name, origin={"by": "fit", "data": {alignment: chosen.alignment.sha256}}, why=why
    )
    fitted, found = _fitted(run, spec, chosen, parts(letters, held_out, alignment)[0])
    if out is not None:
        with clearly(out):
            save(out, fitted.model.zero_sum() if zero_sum else fitted.model)
    found = {"run": run.name, "method": method, **found, "model": str(run.folder / MODEL)}
    if as_json:
        render.json_out(found)
        return
    click.echo(f"{click.style(run.name, bold=True)}: {method} of {alignment}\n")
    render.pairs((key, _plain(value)) for key, value in found.items() if key not in ("run", "method", "model"))
    click.echo(f"\n  {found['model']}")


def _fitted(run: Run, spec: DirectFit, chosen: Chosen, letters: NDArray[np.uint8]) -> tuple[Fitted, dict[str, Any]]:
    """Fit under the run's lease, so that each step is recorded."""
    import time
    from dataclasses import replace

    from seqlab.couplings.judged import contact_scores, precisions
    from seqlab.couplings.located import MODEL
    from seqlab.couplings.saved import save
    from seqlab.data.alignments import GAP, SIZE

    with run.attempt() as attempt:
        weights = spec.weights(letters, GAP)
        begun = time.monotonic()

        def told(at: Point) -> None:
            metrics: dict[str, Any] = {"train/objective": at.value, "train/expected_decrease": at.left}
            attempt.log(step=at.evaluations, **metrics)

        fitted = spec.fit(letters, SIZE, weights, told)
        fitted = replace(fitted, model=replace(fitted.model, kept=chosen.kept))
        found: dict[str, Any] = {
            "sequences": len(letters),
            "columns": letters.shape[1],
            "effective_sequences": float(weights.sum()),
            "gaps": chosen.alignment.gaps(),
            **fitted.readout,
            "seconds": time.monotonic() - begun,
        }
        if chosen.contacts is not None and fitted.model.pairs.any():
            found |= precisions(contact_scores(fitted.model), chosen.contacts)
        save(run.folder / MODEL, fitted.model)
        attempt.summarise(fit=found)
    return fitted, found


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else render.figure(value)
