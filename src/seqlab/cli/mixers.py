"""`seqlab mixers`: what can stand in mixer=... of a recipe."""

from __future__ import annotations

import click

from seqlab.cli import options


@click.command()
@click.argument("name", required=False)
@options.as_json
def command(name: str | None, as_json: bool) -> None:
    """List the sequence mixers; with a NAME, describe one."""
    from seqlab.cli.parts import show_parts

    show_parts("mixers", name, as_json)
