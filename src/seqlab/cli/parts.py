"""The members of a kind in a listing, and one of them with its fields."""

from __future__ import annotations

import inspect
from dataclasses import asdict
from typing import Any

import click

from seqlab.cli import render
from seqlab.cli.fields import class_lines, print_lines
from seqlab.spec import Part, find, members
from seqlab.spec.part import source_file

__all__ = ["described", "print_one", "show_parts"]


def show_parts(kind: str, name: str | None, as_json: bool) -> None:
    """Print every member of a kind with the names of its fields; with a name, that one in full."""
    chosen = members(kind) if name is None else {name: find(kind, name)}
    if as_json:
        render.json_out([described(name, cls) for name, cls in chosen.items()])
    elif name is not None:
        print_one(name, chosen[name])
    else:
        for member, cls in chosen.items():
            names = ", ".join(f"{line.path}={line.value}" for line in class_lines(cls))
            click.echo(f"{click.style(member, bold=True)}\n{render.indented(_first_line(cls))}")
            click.echo(click.style(render.indented(names, by=4), dim=True))


def print_one(name: str, cls: type[Part]) -> None:
    """A part in full: its file, its docstring, its fields."""
    click.echo(f"{click.style(name, bold=True)}  {source_file(cls)}\n")
    click.echo(render.indented(render.reflowed(inspect.getdoc(cls) or "")) + "\n")
    print_lines(class_lines(cls))


def described(name: str, cls: type[Part]) -> dict[str, Any]:
    """A part as plain JSON."""
    fields = [asdict(line) for line in class_lines(cls)]
    return {"name": name, "summary": _first_line(cls), "file": source_file(cls), "fields": fields}


def _first_line(cls: type[Part]) -> str:
    return render.reflowed(inspect.getdoc(cls) or "").partition("\n")[0]
