"""`seqlab journal`: the lab book, as a notebook kept by hand would have it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import click

from seqlab.cli import markdown, options, render
from seqlab.cli.entry import entry_lines
from seqlab.cli.planned import plan_lines
from seqlab.journal import LabBook, days
from seqlab.journal.entries import read_entries
from seqlab.journal.entry import Entry
from seqlab.journal.plan import read_plan
from seqlab.journal.planned import plan_tree, skipped_lines


@click.command()
@click.argument("names", metavar="[RUN]...", nargs=-1, type=options.RunName())
@click.option("--since", metavar="DAY", help="From this day on: 2026-11-25, today, yesterday, 3d (3 days ago).")
@click.option("--until", metavar="DAY", help="Up to this day, itself included.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="Only runs with this tag; may be repeated.")
@click.option("--notebook", metavar="NAME", help="Only runs of the recipes in this file: `hyena` for hyena:wt103.")
@click.option(
    "--where", "filters", metavar="FILTER", multiple=True,
    help="Only runs such as 'optim.lr<1e-3', 'verdict=works', 'val/loss<2'; may be repeated.",
)  # fmt: skip
@click.option("--markdown", "as_written", is_flag=True, help="In a terminal, print it as a file would have it.")
@options.as_json
@options.book_option
def command(
    names: tuple[str, ...], since: str | None, until: str | None, tags: tuple[str, ...], notebook: str | None,
    filters: tuple[str, ...], as_written: bool, as_json: bool, runs: Path | None,
) -> None:  # fmt: skip
    """Print the lab book: an entry for each run, the oldest first, and the plan.

    It is Markdown: `seqlab journal > book.md`. Days and times are local.
    """
    first, last = (None if text is None else days.parse(text) for text in (since, until))
    if first and last and first > last:
        raise click.UsageError(f"--since {since} is later than --until {until}; swap them.")
    book = LabBook(runs)
    plan = read_plan(book)
    asked = [*filters, *(f"tags~{tag}" for tag in tags)]
    found, left_out = read_entries(book, plan, names, filters=asked, notebook=notebook, since=first, until=last)
    tree = [] if names else plan_tree(book, plan, pending=True)
    if as_json:
        render.json_out({"runs": str(book.root), "entries": [vars(entry) for entry in found], "plan": tree})
    else:
        narrowed = any((names, since, until, notebook, asked))
        title = f"# Notebook {notebook}" if notebook else "# Lab book"
        page = [title, f"\n{_count(len(found), book, narrowed)}", *_entries(found), *_plan(tree)]
        markdown.show(page, as_written=as_written)
    for name, told in left_out.items():
        click.echo(f"{name} is left out: {told}", err=True)
    if message := skipped_lines(plan):
        click.echo(message, err=True)


def _count(count: int, book: LabBook, narrowed: bool) -> str:
    """How many runs are told of, and where they lie."""
    place = markdown.code(str(book.root))
    if count:
        return f"{'1 run' if count == 1 else f'{count:,} runs'} in {place}."
    return f"No run like that in {place}." if narrowed else f"No run in {place}; `seqlab run demo:letters` makes one."


def _entries(found: Sequence[Entry]) -> Iterator[str]:
    for day, entries in groupby(found, key=lambda entry: entry.day):
        yield f"\n## {day or 'Nobody knows when'}"
        for entry in entries:
            yield f"\n### {entry.name}\n"
            yield from entry_lines(entry)


def _plan(tree: Sequence[dict[str, Any]]) -> Iterator[str]:
    if tree:
        yield "\n## Plan\n"
        yield from plan_lines(tree)
