"""`seqlab order`: an order that someone claims, beside what the runs say of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from seqlab.cli import options, render

if TYPE_CHECKING:
    from seqlab.sweeps.ordering import Claim, Ordering


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="BEST NEXT...", type=options.RunName())
@click.option("--by", "text", metavar="RULE", required=True, help="What is better, as `seqlab select` has it.")
@click.option("--allow-test", is_flag=True, help="Let the rule look at a test split.")
@options.as_json
@options.book_option
def command(names: tuple[str, ...], text: str, allow_test: bool, as_json: bool, runs: Path | None) -> None:
    """Judge a claimed order of groups of runs, the best first: each is better than the next.

    A group is written as for `seqlab compare`: NAME=RUN,RUN, SWEEP:FIELD=VALUE, SWEEP: where it has one cell, tag:TAG.
    Shows of each group the mean over its seeds and of each two neighbours the difference with its 95 % interval (paired
    over common seeds, else Welch's), every interval by itself: the claim holds, fails, or is undecided.
    """
    from seqlab.journal import LabBook
    from seqlab.sweeps.grouped import grouped
    from seqlab.sweeps.ordering import ordered
    from seqlab.sweeps.rules import parse
    from seqlab.sweeps.select.selection import refuse_test

    rule = parse(text)
    refuse_test([rule], allow_test)
    found = ordered(grouped(LabBook(runs), names), rule)
    if as_json:
        render.json_out(found.to_json())
    else:
        _print(found)


def _print(found: Ordering) -> None:
    better = "higher" if found.rule.higher_is_better else "lower"
    render.heading(f"{found.rule}  ({better} is better)")
    means = render.apart(*(mean for _, mean, _, _ in found.table))
    rows = [
        [name, mean, "" if error is None else f"{error:.2g}", str(count)]
        for (name, _, error, count), mean in zip(found.table, means, strict=True)
    ]
    render.table(["claimed order", "mean", "s.e.", "seeds"], rows, left=["claimed order"])
    render.heading("Each better than the next?")
    render.table(
        ["better", "than", "difference", "95 % from", "to", ""],
        [_row(claim) for claim in found.claims],
        left=["better", "than", ""],
    )
    for told in found.warnings:
        click.secho(render.indented(f"! {told}"), fg="yellow")


def _row(claim: Claim) -> list[str]:
    one = claim.contrast
    ends = [one.difference, one.low, one.high]
    return [one.a, one.b, *("" if end is None else f"{end:+.3g}" for end in ends), claim.verdict]
