"""`seqlab promote`: the selected cell and its ties on seeds that took no part in the choice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from seqlab.cli import options, render

if TYPE_CHECKING:
    from seqlab.sweeps.cells import Plan
    from seqlab.sweeps.promotion import Promotion


@click.command()
@click.argument("name", metavar="SWEEP", type=options.SweepName())
@click.argument("changes", nargs=-1, metavar="[FIELD=VALUE]...")
@click.option("--by", "rule", metavar="RULE", help="What is best [default: the rule of the last selection].")
@click.option("--seeds", metavar="N", type=click.IntRange(min=1), default=5, show_default=True, help="Fresh seeds.")
@click.option("--name", "promoted", metavar="NAME", help="Name of the new sweep [default: SWEEP-promoted].")
@click.option("--allow-test", is_flag=True, help="Let a rule look at a test split.")
@click.option("--dry-run", is_flag=True, help="Say what would be run, and end.")
@click.option("--on", "engine", metavar="ENGINE", default="local", show_default=True, help="Where: NAME or NAME:PLACE.")
@click.option("--slots", metavar="N", type=click.IntRange(min=1), help="Runs at a time [default: one a core or GPU].")
@options.as_json
@options.book_option
def command(
    name: str, changes: tuple[str, ...], rule: str | None, seeds: int, promoted: str | None, allow_test: bool,
    dry_run: bool, engine: str, slots: int | None, as_json: bool, runs: Path | None,
) -> None:  # fmt: skip
    """Run the winner of a sweep and its ties again on fresh seeds.

    The best of many looks better than it is: both numbers are told, that by which it was chosen and that of seeds
    which took no part in it. FIELD=VALUE adds to every run (more probes, another evaluation); a knob of the sweep
    stays as selected. The runs are a sweep of their own; promoting again runs only what is missing.
    """
    from seqlab.cli.swept import display
    from seqlab.journal import LabBook
    from seqlab.sweeps import promotion
    from seqlab.sweeps.carry import carry_out_sweep
    from seqlab.sweeps.executors import find_executor
    from seqlab.sweeps.record import Sweep
    from seqlab.sweeps.rules import parse
    from seqlab.sweeps.select import select

    executor = find_executor(engine, slots)
    sweep = Sweep.open(LabBook(runs), name)
    by = parse(rule if rule is not None else promotion.rule_of(sweep))
    (_, choice), *_ = select(sweep, [by], allow_test=allow_test).choices
    wanted = promotion.plan(sweep, choice, seeds, _overrides(changes))
    if dry_run:
        _print_plan(wanted)
        return
    target = Sweep(sweep.book, promoted or f"{name}-promoted")
    promotion.promote(sweep, wanted, by, target)
    with display(target, quiet=as_json) as shown:
        carry_out_sweep(target, executor, shown)
    found = promotion.judge(sweep, choice, by, target, allow_test=allow_test)
    if as_json:
        render.json_out(found.to_json())
    else:
        _print(found)


def _overrides(changes: tuple[str, ...]) -> dict[str, str]:
    pairs = [change.partition("=") for change in changes]
    for (path, equals, _), change in zip(pairs, changes, strict=True):
        if not path or not equals:
            raise click.UsageError(f"`{change}` changes nothing; write FIELD=VALUE.")
    return {path: value for path, _, value in pairs}


def _print_plan(wanted: Plan) -> None:
    from seqlab.sweeps.select.groups import typed

    seeds = ",".join(str(seed) for seed in dict.fromkeys(trial.seed for trial in wanted.trials))
    for settings in {trial.cell: trial.settings for trial in wanted.trials}.values():
        click.echo(" ".join(f"{path}={typed(value)}" for path, value in settings.items()) or "(no knob)")
    click.echo(f"{len(wanted.trials)} runs on seeds {seeds}  (a dry run: nothing is written)")


def _print(found: Promotion) -> None:
    render.heading(f"{found.rule}  on the seeds of the choice, and on fresh ones")
    rows = [
        [
            one.selected.told(),
            *(cell for group in (one.selected, one.fresh) for cell in _numbers(group.mean, group.standard_error)),
            str(len(one.fresh.values)),
            f"{one.optimism:+.3g}",
            "" if one.standard_errors is None else f"{one.standard_errors:+.1f}",
        ]
        for one in found.candidates
    ]
    head = ["cell", "selected", "s.e.", "fresh", "s.e.", "seeds", "looked better by", "in s.e."]
    render.table(head, rows, left=("cell",), marked=0)
    click.echo()
    click.echo(render.indented(_verdict(found)))
    for path, (before, now) in found.changes.items():
        click.secho(
            render.indented(f"! not quite what was selected: {path} {render.plain(before)} -> {render.plain(now)}"),
            fg="yellow",
        )
    for group in found.fresh.groups:
        for problem in group.problems:
            click.secho(render.indented(f"! {group.told()}, {problem}"), fg="yellow")
    click.echo(f"\n  seqlab ls --where sweep={found.promoted}")


def _numbers(mean: float, error: float | None) -> tuple[str, str]:
    return f"{mean:.5g}", "" if error is None else f"{error:.2g}"


def _verdict(found: Promotion) -> str:
    chosen, best = found.candidates[0].fresh, found.fresh.winner
    if len(found.candidates) == 1:
        return "The winner had no tie; its number to report is that of the fresh seeds."
    if best.cell == chosen.cell:
        others = len(found.fresh.ties) - 1
        rest = f"{others} of the others still cannot be told from it" if others else "every other one is beaten"
        return f"The winner holds on fresh seeds; {rest}."
    if found.holds:
        return f"On fresh seeds {best.told()} has the best mean, and the winner cannot be told from it."
    return f"The winner does not hold: on fresh seeds it is beaten by {best.told()}."
