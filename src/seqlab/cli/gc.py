"""`seqlab gc`: what the lab book takes on disk, and taking away what is no longer needed."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from seqlab.cli import options, render
from seqlab.cli.disk import disk_use, print_disk_use
from seqlab.cli.removals import plan_facts, print_done, print_plan, title
from seqlab.journal import LabBook, Run
from seqlab.journal.age import older, parse_age
from seqlab.journal.quota import quota, set_quota
from seqlab.journal.removal import REMOVABLE, Removal, carry_out, plan, plan_for_book
from seqlab.journal.retention import parse_keep
from seqlab.journal.space import parse_size
from seqlab.journal.where import select


@click.command()
@click.argument("names", metavar="[RUN]...", nargs=-1, type=options.RunName())
@click.option(
    "--what",
    "what",
    metavar="KIND",
    multiple=True,
    type=click.Choice(REMOVABLE),
    help=f"Take away: {', '.join(REMOVABLE)}; may be repeated.",
)
@click.option(
    "--keep",
    metavar="RULE",
    help="Checkpoints that stay: none, or some of last, best, every:STEPS with commas [default: last].",
)
@click.option("--where", "filters", metavar="FILTER", multiple=True, help="Only runs such as 'state=finished'.")
@click.option("--older-than", "age", metavar="AGE", help="Only runs that did nothing for so long: 30d, 12h, 2w.")
@click.option("--dry-run", is_flag=True, help="Say what would go; take nothing away.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--quota", "limit", metavar="SIZE", help="Let the lab book take SIZE (50GB), or `none`: all there is.")
@options.as_json
@options.book_option
def command(
    names: tuple[str, ...], what: tuple[str, ...], keep: str | None, filters: tuple[str, ...], age: str | None,
    dry_run: bool, yes: bool, limit: str | None, as_json: bool, runs: Path | None,
) -> None:  # fmt: skip
    """Show what takes the disk; with --what, take it away.

    Archived runs count too. A run that trains is left alone, and so are the experiment, metrics, notes, audits and
    summary of every run. A checkpoint from which a run can be resumed, or from which another run starts, stays; only
    `--keep none` leaves a run without one. What went stays recorded: `seqlab show RUN` says it.
    """
    book = LabBook(runs)
    if limit is not None:
        _set_quota(book, limit, bool(names or what or keep or filters or age or dry_run or yes or as_json))
        return
    if keep is not None and "checkpoints" not in what:
        raise click.UsageError("--keep says which checkpoints stay: it needs --what checkpoints.")
    if (dry_run or yes) and not what:
        raise click.UsageError(f"say what is to go: --what {', '.join(REMOVABLE)}.")
    rule = parse_keep(keep or "last")
    chosen = _chosen(book, names, filters, age)
    if not what:
        use = disk_use(book, chosen, bool(names or filters or age), quota(book.root))
        if as_json:
            render.json_out(use)
        else:
            print_disk_use(use, _typed(names, filters, age, runs))
        return
    if as_json and not (dry_run or yes):
        raise click.UsageError("--json cannot ask: add --yes, or --dry-run to look first.")
    planned = plan(book, chosen, tuple(dict.fromkeys(what)), rule)
    if "leftovers" in what and not (names or filters or age):
        planned.removals.extend(plan_for_book(book))
    if not as_json:
        print_plan(planned, dry_run)
    goes = [] if dry_run else [removal for removal in planned.removals if removal.paths]
    done, left = _carry_out(goes) if goes and _agreed(goes, yes) else ([], {})
    if as_json:
        render.json_out(plan_facts(planned, done, left, dry_run))
    elif goes:
        print_done(done, left)


def _set_quota(book: LabBook, limit: str, with_more: bool) -> None:
    if with_more:
        raise click.UsageError("--quota sets a number and takes nothing away: give it alone.")
    size = None if limit == "none" else parse_size(limit)
    set_quota(book.root, size)
    click.echo(f"{book.root} may take {render.size(size) if size is not None else 'all there is'}")


def _chosen(book: LabBook, names: tuple[str, ...], filters: tuple[str, ...], age: str | None) -> list[Run]:
    """The runs that are meant, archived ones included."""
    at_least = parse_age(age) if age is not None else None
    named = [book.open(name) for name in dict.fromkeys(names)]
    found = select(named or book.everything(), filters)
    return [run for run in found if at_least is None or older(run, at_least)]


def _typed(names: tuple[str, ...], filters: tuple[str, ...], age: str | None, runs: Path | None) -> str:
    """The arguments that chose the runs, so that a suggested command means the same ones."""
    chosen = [*dict.fromkeys(names), *(word for text in filters for word in ("--where", text))]
    words = [*chosen, "--older-than", age] if age is not None else chosen
    return "".join(f" {shlex.quote(word)}" for word in words) + options.flag_of_runs(runs)


def _agreed(goes: list[Removal], yes: bool) -> bool:
    """Whether the user says yes, beforehand or now."""
    if yes:
        return True
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("there is no terminal to ask at: add --yes, or --dry-run to look first.")
    if click.confirm(f"Remove {render.size(sum(removal.bytes for removal in goes))}?"):
        return True
    raise click.ClickException("nothing was removed.")


def _carry_out(goes: list[Removal]) -> tuple[list[Removal], dict[str, str]]:
    """Remove it all: what was removed, and the runs that had to be left alone after all, with the reason."""
    done: list[Removal] = []
    left: dict[str, str] = {}
    for removal in goes:
        why = carry_out(removal)
        if why is None:
            done.append(removal)
        else:
            left[title(removal)] = why
    return done, left
