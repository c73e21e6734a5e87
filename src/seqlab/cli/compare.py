"""`seqlab compare`: runs, and groups of runs over seeds, at equal steps, tokens, wall time and FLOPs."""

from __future__ import annotations

from pathlib import Path

import click

from seqlab.cli import options, render


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="A B [C]...", type=options.RunName())
@click.option("--metric", metavar="NAME", help="What to compare [default: the held-out loss during training].")
@click.option(
    "--at", "axis", type=click.Choice(["step", "tokens", "wall", "flops", "all"]), default="all", show_default=True,
    help="Equal what.",
)  # fmt: skip
@click.option("--out", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Draw means and bands.")
@click.option("--markdown", is_flag=True, help="Print the tables as Markdown.")
@options.as_json
@options.book_option
def command(
    names: tuple[str, ...], metric: str | None, axis: str, out: Path | None, markdown: bool, as_json: bool,
    runs: Path | None,
) -> None:  # fmt: skip
    """Compare runs, or groups of runs, at equal steps, tokens, wall time and floating-point operations.

    A group is NAME=RUN,RUN,... or SWEEP:FIELD=VALUE,FIELD=VALUE or SWEEP:CELL or tag:TAG; NAME= may stand before each.
    Shows the means over seeds with their standard errors at quarters of the range that all have, the difference at its
    end with its 95 % interval (paired over common seeds, else Welch's), whether it is established, where one mean
    passes the other, and when one reaches the last value of another. Between measurements values are interpolated
    linearly.
    """
    from seqlab.cli.compared import draw_bands, print_comparison
    from seqlab.journal import LabBook
    from seqlab.journal.comparison import COMPARED, compared
    from seqlab.journal.curves import usual_metric
    from seqlab.journal.taint import taints
    from seqlab.sweeps.grouped import grouped

    book = LabBook(runs)
    groups = grouped(book, names)
    wanted = metric or usual_metric(*(run for group in groups for run in group.runs))
    axes = COMPARED if axis == "all" else tuple(one for one in COMPARED if one == axis)
    told = compared(groups, wanted, axes, taints(book.everything()))
    if out is not None:
        draw_bands(out, told)
        click.echo(f"wrote {out}", err=as_json)
    if as_json:
        render.json_out(told)
    else:
        print_comparison(told, markdown)
