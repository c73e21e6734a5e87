"""`seqlab ls`: the lab book as a table, one run a line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from seqlab.cli import options, render
from seqlab.cli.results import best_known
from seqlab.journal import JournalError, LabBook, Run
from seqlab.journal.facts import row_facts
from seqlab.journal.taint import taints
from seqlab.journal.where import select

HEAD = ("name", "state", "step", "loss", "of", "best", "age", "took", "tags", "why")


@click.command()
@click.option(
    "--where",
    "filters",
    metavar="FILTER",
    multiple=True,
    help="Only runs such as 'optim.lr<1e-3', 'state=finished', 'val/loss<2'; may be repeated.",
)
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="Only runs with this tag; may be repeated.")
@click.option("--archived", is_flag=True, help="The archived runs instead.")
@options.as_json
@options.book_option
def command(filters: tuple[str, ...], tags: tuple[str, ...], archived: bool, as_json: bool, runs: Path | None) -> None:
    """List the runs, the newest last.

    `loss` is that of the whole validation split, else of its subset, else of training, as `of` says; `best` is the
    best of the same. A run that a verdict `bug` reaches, its own or an ancestor's, is marked `tainted`; one whose
    audits of what was trained raised an alarm, `alarm`; one that was made in spite of a failed audit, `accepted`.
    """
    book = LabBook(runs)
    everything = book.runs(archived=archived)
    tainted = taints([*everything, *book.runs(archived=not archived)])
    asked = [*filters, *(f"tags~{tag}" for tag in tags)]
    try:
        found = _select(everything, asked, tainted)
    except JournalError:
        damaged = {run.name: told for run in everything if (told := run.damage())}
        if not damaged:
            raise
        for name, told in damaged.items():
            click.echo(f"{name} is left out: {told}", err=True)
        found = _select([run for run in everything if run.name not in damaged], asked, tainted)
    if as_json:
        render.json_out(found)
    elif not found:
        click.echo(_nothing(book, bool(everything), archived))
    else:
        render.table(HEAD, _rows(found), left=("name", "state", "of", "tags", "why"))


def _select(runs: list[Run], filters: list[str], tainted: Mapping[str, str]) -> list[dict[str, Any]]:
    """What the table says of the runs that fulfil the filters."""
    from seqlab.sweeps.engines.waiting import places

    found = select(runs, filters)
    queued = places(found)
    return [row_facts(run, tainted.get(run.name), queued.get(run.name)) for run in found]


def _nothing(book: LabBook, filtered: bool, archived: bool) -> str:
    """Why the table is empty."""
    kind = "archived run" if archived else "run"
    if filtered:
        return f"no {kind} like that in {book.root}."
    return f"no {kind} in {book.root}{'' if archived else '; `seqlab run demo:letters` makes one'}."


def _rows(found: list[dict[str, Any]]) -> list[list[str]]:
    """Losses that differ from run to run are seen to differ."""
    known = [best_known(facts["metrics"]["last"]) for facts in found]
    best = [
        facts["metrics"]["best"].get(f"{phase}/loss", {}).get("value")
        for facts, (phase, _) in zip(found, known, strict=True)
    ]
    losses = render.apart(*(result.get("loss") for _, result in known))
    told = zip(found, losses, (phase for phase, _ in known), render.apart(*best), strict=True)
    return [_row(*facts) for facts in told]


def _row(facts: dict[str, Any], loss: str, phase: str, best: str) -> list[str]:
    marks = [
        *(
            mark
            for mark, given in (("tainted", "taint"), ("alarm", "alarms"), ("accepted", "accepted"))
            if facts[given]
        ),
        *([facts["verdict"]] if facts["verdict"] else []),
        *facts["tags"],
    ]
    return [
        facts["name"],
        f"{facts['state']} {facts['place']}" if facts["place"] else facts["state"],
        render.step_of(facts["step"], facts["steps"]),
        loss,
        phase.replace("val_subset", "subset"),
        best,
        render.ago(facts["created"]),
        render.duration(facts["wall_seconds"]),
        " ".join(marks),
        " ".join((facts["why"] or "").split()),
    ]
