"""`seqlab select`: the best cell of a sweep, what cannot be told from it, and what to be wary of."""

from __future__ import annotations

from pathlib import Path

import click

from seqlab.cli import options, render
from seqlab.journal import LabBook
from seqlab.journal.errors import ReadOnly


@click.command()
@click.argument("name", metavar="SWEEP", type=options.SweepName())
@click.option(
    "--by", "rules", metavar="RULE", multiple=True, required=True,
    help="What is best, such as 'min(val/loss)'; may be repeated, and the first one chooses.",
)  # fmt: skip
@click.option("--allow-test", is_flag=True, help="Let a rule look at a test split.")
@click.option("--all", "show_all", is_flag=True, help="Show every cell, not the best twenty only.")
@click.option("--extend", is_flag=True, help="Run what lies beyond alarming edges, then select again.")
@click.option("--rounds", metavar="N", type=click.IntRange(min=1), default=3, show_default=True,
              help="How often --extend goes on, while an edge still alarms.")  # fmt: skip
@click.option("--on", "engine", metavar="ENGINE", default="local", show_default=True, help="Where --extend runs.")
@click.option("--slots", metavar="N", type=click.IntRange(min=1), help="Runs of --extend at a time.")
@click.option("--response", metavar="KNOB", help="Draw how the result depends on a knob.")
@click.option("--heat", metavar="KNOB KNOB", nargs=2, help="Draw how it depends on two.")
@click.option("--out", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Draw into an SVG or PNG.")
@click.option("--markdown", "form", flag_value="markdown", help="Print the table as Markdown.")
@click.option("--latex", "form", flag_value="latex", help="Print the table as LaTeX.")
@click.option("--csv", "form", flag_value="csv", help="Print the table as CSV.")
@options.as_json
@options.book_option
def command(
    name: str, rules: tuple[str, ...], allow_test: bool, show_all: bool, extend: bool, rounds: int, engine: str,
    slots: int | None, response: str | None, heat: tuple[str, str] | None, out: Path | None, form: str | None,
    as_json: bool, runs: Path | None,
) -> None:  # fmt: skip
    """Choose the best cell of a sweep.

    A rule says which number of a run counts: REDUCTION(METRIC; WINDOW; ...; DIRECTION). Reductions: mean, median, min,
    max, first, last. Windows: `last 50 tasks`, `first 10 minutes`, `last 10 % of steps`, `last epoch of each task`,
    `tokens 1e6..2e6`; units: values, steps, epochs, tasks, tokens, seconds, minutes, hours. Shown are means and
    standard errors over seeds, the cells that noise does not tell from the winner, a best value on the edge of its
    grid with what to run, and what the other rules would have chosen.
    """
    from seqlab.cli import exported, sensitivity
    from seqlab.cli.selected import print_selection
    from seqlab.sweeps.record import Sweep
    from seqlab.sweeps.rules import parse
    from seqlab.sweeps.select import select
    from seqlab.sweeps.selections import keep_selection

    if out is not None and not (response or heat):
        raise click.UsageError("--out draws --response KNOB or --heat KNOB KNOB; name one of them.")
    sweep, by = Sweep.open(LabBook(runs), name), [parse(rule) for rule in rules]
    if extend:
        from seqlab.cli.extended import extended

        quiet = as_json or form is not None
        found = extended(sweep, by, engine, slots, rounds=rounds, allow_test=allow_test, quiet=quiet)
    else:
        found = select(sweep, by, allow_test=allow_test)
    try:
        keep_selection(sweep, found.kept())
    except ReadOnly as error:
        click.echo(f"the selection is not kept: {error}", err=True)
    rule, choice = found.choices[0]
    if response or heat:
        sensitivity.show(rule, choice, response, heat, out, as_json)
    elif as_json:
        render.json_out(found.to_json())
    elif form is not None:
        click.echo(exported.table(form, rule, choice), nl=False)
    else:
        print_selection(found, show_all)
