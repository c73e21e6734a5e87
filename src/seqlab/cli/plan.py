"""`seqlab plan`: what is to be done, and which runs did it."""

from __future__ import annotations

from pathlib import Path

import click

from seqlab.cli import markdown, options, render
from seqlab.cli.planned import plan_lines
from seqlab.journal import LabBook, planning
from seqlab.journal.plan import PENDING, Item, read_plan
from seqlab.journal.planned import plan_tree, skipped_lines


@click.group(invoke_without_command=True)
@options.as_json
@options.book_option
@click.pass_context
def command(ctx: click.Context, as_json: bool, runs: Path | None) -> None:
    """Show the plan, a nested list of what is to be done, or change it.

    The state of an item (open, running, done, dropped) is what people said of it. Beside it stand the runs that are
    linked to it, with the state that their folders show.
    """
    ctx.obj = runs
    if ctx.invoked_subcommand is not None:
        if as_json:
            raise click.UsageError("--json prints the plan; leave it out where you change it.")
        return
    book = LabBook(runs)
    plan = read_plan(book)
    tree = plan_tree(book, plan)
    if as_json:
        render.json_out({"items": tree, "skipped": plan.skipped})
    elif not tree:
        click.echo(f"nothing is planned in {book.root}; `seqlab plan add TEXT` begins.")
    else:
        markdown.show(plan_lines(tree))
    if message := skipped_lines(plan):
        click.echo(message, err=True)


number = click.argument("number", metavar="ID", type=click.INT)
linked = click.argument("names", metavar="RUN...", nargs=-1, required=True, type=options.RunName())


@command.command()
@click.argument("text")
@click.option("--under", metavar="ID", type=click.INT, help="As a part of this item.")
@options.book_option
@click.pass_obj
def add(above: Path | None, text: str, under: int | None, runs: Path | None) -> None:
    """Add an item."""
    item = planning.add(LabBook(runs or above), text, under)
    click.echo(f"planned: {item.id} {item.text}")


def _sayer(name: str, state: str, meaning: str) -> None:
    """Add the command that says of an item that it is in this state."""

    @command.command(name, help=meaning)
    @number
    @click.option("--note", metavar="TEXT", help="Say why, or what came of it.")
    @options.book_option
    @click.pass_obj
    def say(above: Path | None, number: int, note: str | None, runs: Path | None) -> None:
        _change(LabBook(runs or above), number, state, note)


_sayer("start", "running", "Say that somebody is at it.")
_sayer("done", "done", "Say that it is done.")
_sayer("drop", "dropped", "Say that it will not be done.")
_sayer("reopen", "open", "Say that it is still to be done.")


def _change(book: LabBook, number: int, state: str, note: str | None) -> None:
    """Change an item, and name its parts that it leaves behind."""
    item = planning.change(book, number, state, note)
    click.echo(f"{item.id} is {item.state}: {item.text}")
    left = [str(part.id) for part in read_plan(book).below(number) if part.state in PENDING]
    if state not in PENDING and left:
        click.echo(f"still to be done under it: {', '.join(left)}")


@command.command()
@number
@linked
@options.book_option
@click.pass_obj
def link(above: Path | None, number: int, names: tuple[str, ...], runs: Path | None) -> None:
    """Link runs to an item."""
    _print_runs(planning.link(LabBook(runs or above), number, names))


@command.command()
@number
@linked
@options.book_option
@click.pass_obj
def unlink(above: Path | None, number: int, names: tuple[str, ...], runs: Path | None) -> None:
    """Take links back."""
    _print_runs(planning.unlink(LabBook(runs or above), number, names))


def _print_runs(item: Item) -> None:
    click.echo(f"{item.id} {item.text}: {', '.join(item.runs) or 'no runs'}")


@command.command()
@number
@click.option("--under", metavar="ID", type=click.INT, help="The item that it becomes a part of.")
@click.option("--top", is_flag=True, help="Make it a part of none.")
@options.book_option
@click.pass_obj
def move(above: Path | None, number: int, under: int | None, top: bool, runs: Path | None) -> None:
    """Put an item, with its parts, under another one; its id stays."""
    if (under is None) != top:
        raise click.UsageError("say where: either --under ID or --top.")
    item = planning.move(LabBook(runs or above), number, under)
    click.echo(f"{item.id} stands {'at the top' if item.under is None else f'under {item.under}'}: {item.text}")
