"""`seqlab import`: a run of the lab book out of what another program logged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from seqlab.cli import options, render
from seqlab.journal import JournalError, LabBook
from seqlab.journal.files import read_object


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--name", metavar="NAME", help="Name of the run [default: two words and a number].")
@click.option("--step-column", metavar="NAME", help="The column of the steps in tables and JSONL [default: step].")
@click.option(
    "--prefix", metavar="PHASE", default="imported/", show_default=True, help="Phase of metrics that name none."
)
@click.option(
    "--rename", "renames", metavar="OLD=NEW", multiple=True, help="Such as loss/train=train/loss; may be repeated."
)
@click.option(
    "--config", "config", metavar="FILE.json", type=click.Path(path_type=Path), help="The settings of the run."
)
@click.option("--why", metavar="TEXT", help="Why that run was made; kept with it.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="A word to find the run by; may be repeated.")
@options.as_json
@options.book_option
def command(
    files: tuple[Path, ...], name: str | None, step_column: str | None, prefix: str, renames: tuple[str, ...],
    config: Path | None, why: str | None, tags: tuple[str, ...], as_json: bool, runs: Path | None,
) -> None:  # fmt: skip
    """Import logs of another program as one run.

    FILE is an event file of TensorBoard (a folder: all event files in it), a table (.csv, .tsv), or JSONL. Columns
    `step`, `epoch`, `tokens` and `time` are understood. The run is marked as imported: it can be shown, listed and
    compared, not trained on.
    """
    from seqlab.journal.imported import import_run
    from seqlab.journal.naming import Naming, parse_renames

    run, remarks = import_run(
        LabBook(runs),
        files,
        name=name,
        step_column=step_column,
        naming=Naming(prefix, parse_renames(renames)),
        config=_settings(config),
        why=why,
        tags=tags,
    )
    if as_json:
        found = {"name": run.name, "folder": str(run.folder), "step": run.metrics.step, "metrics": [*run.metrics.last]}
        render.json_out(found | {"imported_from": run.origin["imported_from"], "remarks": remarks})
        return
    click.echo(
        f"{click.style(run.name, bold=True)} imported, up to step {run.metrics.step:,}: {', '.join(run.metrics.last)}"
    )
    for remark in remarks:
        click.echo(render.indented(remark))
    click.echo(f"  seqlab show {run.name}{options.flag_of_runs(runs)}")


def _settings(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    settings = read_object(path)
    if settings is None:
        raise JournalError(f"there is no file {path}; --config takes a JSON file with the settings of the run")
    return settings
