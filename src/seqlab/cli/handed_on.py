"""What `seqlab export` writes of the record: in which form, and where to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from importlib.metadata import version
from pathlib import Path

import click

from seqlab.journal import JournalError, LabBook, days, names
from seqlab.journal.files import replace_bytes
from seqlab.journal.taint import taints
from seqlab.journal.writers import write_runs
from seqlab.report.page import Chart, Page, Prose
from seqlab.report.subject import Subject, readable, subject

__all__ = ["write_record", "write_report"]

ENDINGS = {
    ".html": "html", ".htm": "html", ".md": "markdown", ".tex": "latex", ".csv": "csv", ".svg": "svg", ".pdf": "pdf",
    ".png": "png",
}  # fmt: skip
FIGURES = ("svg", "pdf", "png")
TEXTS = ("html", "markdown", "latex", "csv")
PROGRAMS = ("tensorboard", "wandb", "mlflow")
"""Whose records are folders."""


def write_report(runs: Path | None, since: str, until: str | None, out: Path | None, form: str | None) -> None:
    """Write the report from one local day on, up to another. Raises JournalError and ClickException."""
    from seqlab.report.pages.period import period_page

    wanted = _form(out, form, TEXTS)
    book, first, last = LabBook(runs), days.parse(since), None if until is None else days.parse(until)
    found, left_out = readable(book.runs(), [])
    made = [run for run in found if (day := days.day(run.created)) and first <= day <= (last or day)]
    _write_text(period_page(book, first, last, made, left_out), wanted, out, is_document=True)


def write_record(
    runs: Path | None, words: Sequence[str], filters: Sequence[str], out: Path | None, form: str | None,
    metric: str | None, rules: Sequence[str],
) -> None:  # fmt: skip
    """Write what the record says of runs, a sweep or a query. Raises JournalError and ClickException."""
    wanted = _form(out, form, (*TEXTS, *FIGURES, *PROGRAMS))
    book = LabBook(runs)
    found = subject(book, words, filters)
    if rules and found.sweep is None:
        raise click.UsageError("--by chooses among the cells of a sweep; name one.")
    if metric is not None and not (wanted in FIGURES or found.sweep or found.is_query):
        raise click.UsageError(
            "a page of one run has all of its metrics; --metric is for figures and for several runs."
        )
    if wanted in TEXTS:
        _write_text(found.page(book, metric, rules), wanted, out)
    elif out is None:
        raise click.UsageError(f"{wanted} needs a place: --out {'FOLDER' if wanted in PROGRAMS else f'FILE.{wanted}'}.")
    elif wanted in FIGURES:
        _write_figure(book, found, metric, out, wanted)
    else:
        for told in write_runs(wanted, found.runs, out):
            click.echo(told)
    for name, why in found.left_out.items():
        click.echo(f"{name} is left out: {why}", err=True)


def _form(out: Path | None, form: str | None, possible: Sequence[str]) -> str:
    """The form that is wanted. Raises UsageError for one that is none."""
    wanted = form or (None if out is None else ENDINGS.get(out.suffix.lower()))
    if wanted is None:
        endings = ", ".join(ending for ending, one in ENDINGS.items() if one in possible)
        raise click.UsageError(f"--as says the form ({', '.join(possible)}), or the ending of --out ({endings}).")
    if wanted not in possible:
        raise click.UsageError(f"there is no form {wanted!r} here; --as {', '.join(possible)}.")
    return wanted


def _write_text(page: Page, form: str, out: Path | None, *, is_document: bool = False) -> None:
    written = f"Written by seqlab {version('seqlab')} on {date.today().isoformat()}"
    text = _text(page, form, written, is_document)
    if out is None:
        click.echo(text, nl=False)
        return
    if not out.absolute().parent.is_dir():
        raise click.ClickException(f"{out}: there is no folder {out.parent}; make it first.")
    if out.is_dir():
        raise click.ClickException(f"{out} is a folder; give a file.")
    data = text.encode(errors="replace")
    replace_bytes(out, data)
    click.echo(f"wrote {out} ({len(data):,} bytes)")


def _text(page: Page, form: str, written: str, is_document: bool) -> str:
    if form == "html":
        from seqlab.report.forms.html import html

        return html(page, written)
    if form == "markdown":
        from seqlab.report.forms.markdown import markdown

        return markdown(page, written)
    if form == "csv":
        from seqlab.report.forms.table import csv_of

        return csv_of(page.data())
    from seqlab.report.forms.latex import document, tables

    return document(page, written) if is_document else tables(page, written)


def _write_figure(book: LabBook, found: Subject, metric: str | None, out: Path, form: str) -> None:
    """A figure of the runs, those of one setting as their mean with its band."""
    from seqlab.cli.captioned import draw_chart
    from seqlab.journal.curves import usual_metric
    from seqlab.report.sections.curves import charts_of_groups
    from seqlab.report.sections.grouping import grouped

    if out.suffix.lower() != f".{form}":
        raise click.ClickException(f"{out}: a figure as {form} ends in .{form}.")
    tainted = taints(book.everything())
    runs = [run for run in found.runs if run.name not in tainted]
    if not runs:
        raise JournalError(f"{found.runs[0].name} is tainted: {tainted[found.runs[0].name]}; nothing is left to draw")
    wanted = metric or usual_metric(*runs)
    first, *others = charts_of_groups(grouped(runs), wanted)
    assert isinstance(first, Chart)  # or an error was raised
    draw_chart(out, replace(first, caption=f"{first.caption} Runs: {names.several([run.name for run in runs])}."))
    click.echo(f"wrote {out}")
    left_out = [f"Not drawn: {run.name} is tainted: {tainted[run.name]}." for run in found.runs if run.name in tainted]
    for told in [*left_out, *(block.text for block in others if isinstance(block, Prose))]:
        click.echo(told, err=True)
