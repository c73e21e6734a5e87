"""`seqlab same`: did two runs compute the same?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from seqlab.cli import options, render
from seqlab.cli.options import RunAt, RunAtStep

if TYPE_CHECKING:
    from seqlab.train.sameness import Curve, Parameters


@click.command()
@click.argument("a", metavar="A[@STEP]", type=RunAtStep())
@click.argument("b", metavar="B[@STEP]", type=RunAtStep())
@click.option(
    "--tolerance", metavar="X", type=click.FloatRange(min=0), default=0.0, show_default=True,
    help="Largest absolute difference that counts as none; 0: bit for bit.",
)  # fmt: skip
@options.as_json
@options.book_option
def command(a: RunAt, b: RunAt, tolerance: float, as_json: bool, runs: Path | None) -> None:
    """Compare two runs' parameters, their outputs on the same symbols, and their curves.

    The exit code is 0 when all are the same within the tolerance, else 1.
    """
    from seqlab.journal import LabBook
    from seqlab.train.sameness import curves, loaded, logits, parameters, to_json

    book = LabBook(runs)
    left, right = book.open(a.name), book.open(b.name)
    first, second = loaded(left, a.step), loaded(right, b.step)
    found = parameters(first.model, second.model)
    outputs = logits(first.model, second.model, (left, right)) if not found.only else None
    measured = curves(left, right, tolerance)
    same = not found.only and found.difference <= tolerance and (outputs or 0.0) <= tolerance
    same = same and all(curve.first_step is None for curve in measured)
    if as_json:
        which = {"a": a.name, "a_step": first.step, "b": b.name, "b_step": second.step}
        skipped = [*first.skipped, *second.skipped]
        compared = {"same": same, "tolerance": tolerance, **to_json(found, outputs, measured)}
        render.json_out({**which, "skipped": skipped, **compared})
    else:
        for name, one in ((a.name, first), (b.name, second)):
            for sentence in one.skipped:
                click.echo(f"{name}: {sentence}")
        click.echo(f"{a.name} at step {first.step:,} and {b.name} at step {second.step:,}\n")
        _print(found, outputs, measured, tolerance)
        click.echo(f"\n{'the same' if same else 'not the same'}{_within(tolerance)}")
    raise SystemExit(0 if same else 1)


def _within(tolerance: float) -> str:
    return f" within {tolerance:g}" if tolerance else ", bit for bit"


def _print(found: Parameters, outputs: float | None, measured: list[Curve], tolerance: float) -> None:
    rows = [["parameters", f"{found.compared} tensors", render.figure(found.difference), found.worst]]
    if found.only:
        rows.append(["only in one", f"{len(found.only)} tensors", "", ", ".join(found.only[:3])])
    if outputs is not None:
        rows.append(["outputs", "the same random symbols", render.figure(outputs), ""])
    for curve in measured:
        where = f"from step {curve.first_step:,} on" if curve.first_step is not None else ""
        rows.append([curve.metric, f"{curve.steps:,} steps", render.figure(curve.difference), where])
    render.table(["", "compared", "largest difference", "where"], rows, left=["", "compared", "where"])
