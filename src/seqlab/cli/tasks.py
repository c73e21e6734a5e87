"""`seqlab tasks`: what can stand in task=... of a recipe."""

from __future__ import annotations

import click

from seqlab.cli import options


@click.command()
@click.argument("name", required=False)
@options.as_json
def command(name: str | None, as_json: bool) -> None:
    """List the tasks; with a NAME, describe one."""
    from seqlab.cli.parts import show_parts

    show_parts("tasks", name, as_json)
