"""`seqlab rerun`: the same experiment again, from the record alone; did it come out the same?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from seqlab.cli import options, render

if TYPE_CHECKING:
    from seqlab.journal import Run


@click.command()
@options.run_argument
@click.option("--name", "new_name", metavar="NAME", help="Name of the new run [default: two words and a number].")
@click.option("--why", metavar="TEXT", help="Why this run is made; kept with it.")
@click.option(
    "--tolerance", metavar="X", type=click.FloatRange(min=0), default=0.0, show_default=True,
    help="Largest absolute difference of a metric that counts as none; 0: bit for bit.",
)  # fmt: skip
@click.option("--plain", is_flag=True, help="Plain lines instead of a live one, also on a terminal.")
@options.book_option
def command(name: str, new_name: str | None, why: str | None, tolerance: float, plain: bool, runs: Path | None) -> None:
    """Carry out a run's experiment again, from its stored spec and source, as a new run.

    Says what changed in versions and machine since, and at the end whether the curves are the same. Data whose SHA-256
    is another one is refused.
    """
    from seqlab.audits.shared.gate import Auditor
    from seqlab.cli.display import display
    from seqlab.journal import LabBook
    from seqlab.train.loop import train
    from seqlab.train.start import record, repeated

    book = LabBook(runs)
    old = book.open(name)
    if new_name is not None:
        book.check_free(new_name)
    prepared, changed = repeated(old)
    click.echo(f"again {click.style(old.name, bold=True)}, made {old.created[:10]}")
    for difference in changed or ["nothing that decides the bits has changed since"]:
        click.echo(f"  {difference}")
    auditor = Auditor()
    audits = auditor.before(prepared.training)
    run = record(prepared, name=new_name, why=why, recipe=old.origin.get("recipe"), audits=audits)
    with display(run, plain) as shown:
        state = train(prepared.training, run, shown, auditor=auditor)
    _compare(old, run, state, tolerance)


def _compare(old: Run, new: Run, state: str, tolerance: float) -> None:
    from seqlab.train.sameness import curves

    measured = curves(old, new, tolerance)
    render.heading(f"{old.name} and {new.name} ({state})")
    rows = [
        [curve.metric, f"{curve.steps:,}", render.figure(curve.difference), f"{curve.first_step or ''}"]
        for curve in measured
    ]
    render.table(["", "steps compared", "largest difference", "differs from step"], rows, left=[""])
    first = min((curve.first_step for curve in measured if curve.first_step is not None), default=None)
    within = f" within {tolerance:g}" if tolerance else ", bit for bit"
    told = f"the curves are the same{within}" if first is None else f"the curves differ from step {first:,} on"
    click.echo(f"\n{told}; `seqlab same {old.name} {new.name}` compares the weights.")
    raise SystemExit(0 if state == "finished" else 1)
