"""`seqlab audit`: can an experiment, or what was trained, be believed?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqlab.cli import options, render

if TYPE_CHECKING:
    from seqlab.audits import Audit
    from seqlab.audits.shared.gate import Result
    from seqlab.audits.shared.subject import Subject

COLOURS = {"pass": "green", "warn": "yellow", "fail": "red"}


@click.command()
@click.argument("target", required=False, metavar="[RECIPE|RUN[@STEP]]")
@click.argument("changes", nargs=-1, metavar="[FIELD=VALUE]...")
@click.option("--only", metavar="NAME", multiple=True, help="Only this audit, or `./mine.py:Mine`; may be repeated.")
@click.option("--all", "everything", is_flag=True, help="Also those that take minutes and run on request only.")
@click.option("--fresh", is_flag=True, help="Measure all anew; cite nothing that was measured before.")
@options.as_json
@options.book_option
def command(
    target: str | None, changes: tuple[str, ...], only: tuple[str, ...], everything: bool, fresh: bool, as_json: bool,
    runs: Path | None,
) -> None:  # fmt: skip
    """Check whether a recipe, or what a run trained, can be believed; without one: list the audits.

    Prints what each audit measured and how far that is from its limit. The exit code is 1 when one fails. `seqlab
    run` does the same by itself, before the first step and at the end.
    """
    if target is None:
        _list(as_json)
        return
    from seqlab.audits.shared.gate import chosen, defaults, examine

    audits = chosen(only)
    subject = _of_recipe(target, changes, runs) if ":" in target else _of_run(target, changes, runs)
    if not only and not everything:
        audits = defaults(subject)
    if only:
        _must_look_at(subject, audits)
    results = []
    for result in examine(subject, audits, use_cited=not fresh):
        results.append(result)
        if not as_json:
            _print(result)
    if as_json:
        render.json_out([result.to_json() for result in results])
    else:
        _print_sum(results)
    raise SystemExit(1 if any(result.status == "fail" for result in results) else 0)


def _of_recipe(name: str, changes: tuple[str, ...], runs: Path | None) -> Subject:
    from seqlab.audits.shared.subject import Subject
    from seqlab.cli.overridden import overridden
    from seqlab.recipes import find_recipe
    from seqlab.train.start import built, prepare, read

    experiment = overridden(find_recipe(name).build(), changes)
    if experiment.start_from is not None:
        return Subject(prepare(experiment, runs).training)
    return Subject(built(experiment, read(experiment)))


def _of_run(name: str, changes: tuple[str, ...], runs: Path | None) -> Subject:
    from seqlab.audits.shared.subject import Subject
    from seqlab.journal import LabBook
    from seqlab.journal.names import at_step
    from seqlab.train.start import trained

    if changes:
        raise click.UsageError(f"`{changes[0]}`: what was trained is audited as it is; change a recipe instead.")
    name, step = at_step(name)
    run = LabBook(runs).open(name)
    training, skipped = trained(run, step)
    for sentence in skipped:
        click.echo(sentence, err=True)
    return Subject(training, "trained", run=run)


def _must_look_at(subject: Subject, audits: dict[str, Audit]) -> None:
    """Raise a UsageError for an audit, asked for by name, that does not look at this stage."""
    for name, audit in audits.items():
        if subject.stage not in audit.stages:
            looks = "only before the first step: name a recipe, not a run"
            if subject.stage == "before":
                looks = "only at what was trained: name a run, not a recipe"
            raise click.UsageError(f"the audit `{name}` looks {looks}.")


def _list(as_json: bool) -> None:
    from seqlab.cli.parts import show_parts

    show_parts("audits", None, as_json)


def _print(result: Result) -> None:
    name = click.style(result.name.ljust(20), bold=True)
    status = click.style(result.status, fg=COLOURS[result.status])
    cited = f" (cited: measured {result.measured_at[:10]})" if result.measured_at else ""
    click.echo(f"{status}  {name}  {result.finding.message}{cited}")
    if result.finding.measured:
        told = ", ".join(f"{key.replace('_', ' ')} {_shown(value)}" for key, value in result.finding.measured.items())
        click.echo(click.style(render.indented(told, by=6), dim=True))


def _shown(value: Any) -> str:
    return render.figure(value) if isinstance(value, float) else render.plain(value)


def _print_sum(results: list[Result]) -> None:
    counts = {status: sum(result.status == status for result in results) for status in ("pass", "warn", "fail")}
    seconds = sum(result.seconds for result in results)
    click.echo(
        f"\n{counts['pass']} passed, {counts['warn']} warned, {counts['fail']} failed, in {render.duration(seconds)}"
    )
