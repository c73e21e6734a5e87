"""`seqlab run`: from a recipe and overrides to a trained, recorded run; or only a look at what would be trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from seqlab.cli import options, render

if TYPE_CHECKING:
    from seqlab.experiment import Experiment
    from seqlab.recipes import Recipe


@click.command(options_metavar="[OPTIONS]", add_help_option=False)
@click.argument("recipe", required=False, metavar="RECIPE")
@click.argument("changes", nargs=-1, metavar="[FIELD=VALUE]...")
@click.option("--name", metavar="NAME", help="Name of the run [default: two words and a number].")
@click.option("--why", metavar="TEXT", help="Why this run is made; kept with it.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="A word to find the run by; may be repeated.")
@click.option("--print", "only_print", is_flag=True, help="Print the resolved experiment as JSON and end.")
@click.option("--dry-run", is_flag=True, help="Build and audit it, print model, forecast and floors; write no run.")
@click.option("--fit", metavar="FIELD", help="Print the largest value of a field (batch.size) that fits, and end.")
@options.engine
@options.deadline
@click.option(
    "--drop-under", metavar="SECONDS", type=click.FloatRange(min=0, min_open=True),
    help="Keep nothing of a run that ends sooner than that.",
)  # fmt: skip
@click.option("--plain", is_flag=True, help="Plain lines instead of a live one, also on a terminal.")
@options.book_option
@click.option("-h", "--help", "asks_help", is_flag=True, help="Show this; after a RECIPE also its note and fields.")
def command(
    recipe: str | None, changes: tuple[str, ...], name: str | None, why: str | None, tags: tuple[str, ...],
    only_print: bool, dry_run: bool, fit: str | None, engine: str,
    deadline: float | None, drop_under: float | None, plain: bool, runs: Path | None,
    asks_help: bool,
) -> None:  # fmt: skip
    """Train a recipe and record it as a run.

    RECIPE is `demo:letters` (`seqlab recipes` lists them) or `./mine.py:trial`. Every field can be changed:
    `optim.lr=1e-3 model.layers.all.mixer=hyena`; `seqlab run RECIPE --help` lists them. Ctrl-C ends the run after
    the present step, saved.
    """
    context = click.get_current_context()
    if recipe is None:
        if not asks_help:
            raise click.UsageError("name a RECIPE, such as demo:letters; `seqlab recipes` lists them.")
        click.echo(context.get_help())
        return
    found, experiment = _resolve(recipe, changes)
    if asks_help:
        _print_help(context, found, experiment)
    elif only_print:
        _print_experiment(experiment)
    elif fit is not None:
        _print_fit(experiment, fit, runs)
    elif dry_run:
        _preview(found, experiment, runs)
    else:
        _train(found, experiment, changes, name, why, tags, engine, deadline, drop_under, plain, runs)


def _resolve(name: str, changes: tuple[str, ...]) -> tuple[Recipe, Experiment]:
    from seqlab.cli.overridden import overridden
    from seqlab.recipes import find_recipe

    recipe = find_recipe(name)
    return recipe, overridden(recipe.build(), changes)


def _print_help(context: click.Context, recipe: Recipe, experiment: Experiment) -> None:
    from seqlab.cli.fields import print_lines, spec_lines

    click.echo(f"Usage: seqlab run {recipe.name} [FIELD=VALUE]... [OPTIONS]\n")
    click.echo(render.indented(render.reflowed(recipe.note)))
    formatter = context.make_formatter()
    context.command.format_options(context, formatter)
    click.echo(f"\n{formatter.getvalue()}\nFields, with what they are now (FIELD=VALUE changes one):")
    print_lines(list(spec_lines(experiment)))


def _print_experiment(experiment: Experiment) -> None:
    from seqlab.spec import to_json

    render.json_out(to_json(experiment))


def _print_fit(experiment: Experiment, field: str, runs: Path | None) -> None:
    from seqlab.journal import LabBook
    from seqlab.train.fit import fit

    click.echo(f"{field}={fit(experiment, field, LabBook(runs).root)}")


def _preview(recipe: Recipe, experiment: Experiment, runs: Path | None) -> None:
    from seqlab.audits.shared.gate import Auditor
    from seqlab.cli.audited import counted, warnings
    from seqlab.cli.card import print_card, print_forecast
    from seqlab.cli.foretold import print_expected, print_record
    from seqlab.cli.results import print_floors
    from seqlab.spec import id
    from seqlab.train.start import prepare

    prepared = prepare(experiment, runs)
    click.echo(f"{click.style(recipe.name, bold=True)}  experiment {id(experiment)}  (a dry run: nothing is written)")
    render.heading("Model")
    print_card(prepared.card, prepared.forecast.parameters)
    render.heading("Forecast")
    print_forecast(prepared.forecast.to_json())
    render.heading("Data")
    render.pairs((name, f"sha256 {digest[:12]}") for name, digest in prepared.training.task.fingerprints.items())
    for note in prepared.training.task.notes:
        click.echo(f"  {note}")
    render.heading("Floors: what a trivial model reaches on the validation split")
    print_floors(prepared.training.task.floors())
    print_expected(prepared.training)
    print_record(prepared.training)
    render.heading("Audits before training")
    findings = Auditor().before(prepared.training)["before"]
    for line in (counted(findings), *warnings(findings)):
        click.echo(f"  {line}")


def _train(
    recipe: Recipe, experiment: Experiment, changes: tuple[str, ...], name: str | None, why: str | None,
    tags: tuple[str, ...], engine: str, deadline: float | None, drop_under: float | None, plain: bool,
    runs: Path | None,
) -> None:  # fmt: skip
    from seqlab.cli.ending import conclude, drop_if_short
    from seqlab.cli.training import carry_out
    from seqlab.journal import LabBook
    from seqlab.train.start import prepare

    if name is not None:
        LabBook(runs).check_free(name)
    prepared = prepare(experiment, runs)
    run, state = carry_out(
        prepared, deadline, plain, engine=engine, name=name, why=why, tags=tags, recipe=recipe.name,
        overrides=changes, sources={recipe.file.name: recipe.file.read_bytes()},
    )  # fmt: skip
    if drop_under is not None:
        drop_if_short(run, drop_under, state)
    conclude(run, prepared.training, state, runs)
