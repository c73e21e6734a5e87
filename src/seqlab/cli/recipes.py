"""`seqlab recipes`: what can be run."""

from __future__ import annotations

import click

from seqlab.cli import options, render


@click.command()
@options.as_json
def command(as_json: bool) -> None:
    """List the shipped recipes, each with the first line of its note.

    A recipe is a Python function that returns an experiment; `seqlab run RECIPE --help` shows one in full. One of
    your own is as good: `seqlab run ./mine.py:trial`.
    """
    from seqlab.recipes import find_recipe, shipped

    found = [find_recipe(name) for name in shipped()]
    if as_json:
        render.json_out(
            [{"name": one.name, "parameters": one.parameters, "note": one.note, "file": str(one.file)} for one in found]
        )
        return
    render.pairs((recipe.name, render.reflowed(recipe.note).partition("\n")[0]) for recipe in found)
