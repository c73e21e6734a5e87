"""`seqlab export`: the lab book to hand on, as a page, a table, a figure or a record of another program; and models."""

from __future__ import annotations

from pathlib import Path

import click

from seqlab.cli import options
from seqlab.cli.model_folder import DTYPES, write_model


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME|FILTER]...", type=options.RunName())
@click.option("--out", metavar="PATH", type=click.Path(path_type=Path), help="Where to; its ending says the form.")
@click.option(
    "--as", "form", metavar="FORM",
    help="html, markdown, latex, csv, svg, pdf, png, tensorboard, wandb or mlflow [default: by the ending of --out].",
)  # fmt: skip
@click.option("--where", "filters", metavar="FILTER", multiple=True, help="Only such runs, as `seqlab ls` takes them.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="Only runs with this tag; may be repeated.")
@click.option("--metric", metavar="NAME", help="What to draw [default: the held-out loss during training].")
@click.option(
    "--by", "rules", metavar="RULE", multiple=True, help="Of a sweep: what chooses [default: the last rules]."
)
@click.option("--report", is_flag=True, help="The report on all runs and sweeps since a day.")
@click.option("--since", metavar="DAY", help="With --report: from this day on: 2026-11-25, yesterday, 7d.")
@click.option("--until", metavar="DAY", help="With --report: up to this day, itself included.")
@click.option("--dtype", type=click.Choice(DTYPES), help="Of a model [default: that of the weights].")
@options.book_option
def command(
    names: tuple[str, ...], out: Path | None, form: str | None, filters: tuple[str, ...], tags: tuple[str, ...],
    metric: str | None, rules: tuple[str, ...], report: bool, since: str | None, until: str | None,
    dtype: str | None, runs: Path | None,
) -> None:  # fmt: skip
    """Hand on runs, a sweep, a report, or a model.

    \b
    seqlab export RUN --out run.html               one file for a mail
    seqlab export SWEEP --out table.tex            its table, for a paper
    seqlab export 'optim.lr<1e-3' --out query.csv  what such filters find
    seqlab export A B C --out figure.pdf           a captioned figure
    seqlab export --report --since 7d --out report.tex
    seqlab export RUN --as tensorboard --out logs  a record of another program
    seqlab export RUN|FOLDER NEW --dtype int8      the model, as a new folder

    HTML is one file that needs no network. LaTeX is the tables of results, to be put into a paper; of a report it is a
    document. CSV has every number with all its digits. Without --out a text is printed.

    A model is an xLSTM Large in float32 or bfloat16, which transformers loads as xLSTMForCausalLM, or in int8 or int4
    any language model, in a folder that seqlab alone reads.
    """
    from seqlab.cli.handed_on import write_record, write_report

    asked = [*filters, *(f"tags~{tag}" for tag in tags)]
    if report:
        if since is None or names or asked or rules or metric:
            raise click.UsageError("a report is `seqlab export --report --since DAY --out FILE`, of all runs since.")
        write_report(runs, since, until, out, form)
    elif out is not None or form is not None or asked:
        if dtype is not None or since is not None or until is not None:
            raise click.UsageError("--dtype is for a model (no --out, no --as), --since and --until are for --report.")
        write_record(runs, names, asked, out, form, metric, rules)
    elif len(names) == 2:
        _must_be_new(names[1], runs)
        write_model(names[0], Path(names[1]), dtype, runs)
    else:
        raise click.UsageError("say where to: `--out FILE.html` for a page, or a new folder for the model of one run.")


def _must_be_new(folder: str, runs: Path | None) -> None:
    """Raise UsageError where what looks like a new folder is the name of a second run."""
    from seqlab.journal import LabBook

    if (LabBook(runs).root / folder / "experiment.json").is_file():
        raise click.UsageError(f"{folder} is a run; for a page of both add `--out FILE.html`.")
