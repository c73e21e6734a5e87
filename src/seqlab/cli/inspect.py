"""`seqlab inspect`: what goes on inside a model, place by place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import click

from seqlab.cli import options, render
from seqlab.cli.heat import heat, sparks
from seqlab.journal import LabBook, Run
from seqlab.journal.arrays import is_packed
from seqlab.journal.looks import Look, Places
from seqlab.journal.names import at_step

ROWS = 12
"""Places of a probe that are shown where none was asked for."""


@click.command()
@click.argument("source", metavar="RUN[@STEP]", type=options.RunName())
@click.option("--probe", "wanted", metavar="NAME", multiple=True, help="What to look at; may be repeated.")
@click.option("--place", "pattern", metavar="PATTERN", default="*", help="Only these places, such as 'blocks.0.*'.")
@click.option(
    "--svg", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Draw it: places over steps."
)
@options.as_json
@options.book_option
def command(
    source: str, wanted: tuple[str, ...], pattern: str, svg: Path | None, as_json: bool, runs: Path | None
) -> None:
    """Look inside a model: weights, gradients, updates, activations, attention, memories, kernels, dtypes.

    RUN: what its probes saw through training (`probes=weights,updates` and the like in the experiment). Where there
    were none, and for RUN@STEP or RUN@latest, all that can be seen in the checkpoint, on held-out data. `--json` has
    every number.
    """
    name, step = at_step(source)
    run = LabBook(runs).open(name)
    seen, remarks = run.looks(), list[str]()
    computed = "@" in source or not seen
    if computed:
        seen, remarks = _in_checkpoint(run, step, wanted)
    seen = _chosen(seen, wanted, pattern, run)
    if svg is not None:
        _write(svg, heat(run.name, seen))
    if as_json:
        told = {name: [look._asdict() for look in looks] for name, looks in seen.items()}
        render.json_out({"run": run.name, "computed": computed, "looks": told, "remarks": remarks})
        return
    for name, looks in seen.items():
        _print(name, looks, None if wanted or pattern != "*" else ROWS)
    for remark in remarks:
        click.echo(render.indented(f"! {remark}"))
    if svg is not None:
        click.echo(f"wrote {svg}")


def _in_checkpoint(run: Run, step: int | None, wanted: Sequence[str]) -> tuple[dict[str, list[Look]], list[str]]:
    """What all probes, or those that are wanted, see in a checkpoint, and remarks."""
    if run.origin.get("by") is not None:
        raise click.ClickException(
            f"{run.name} has no weights to look into, and no probe looked while it was trained: "
            "seqlab's loop did not make it."
        )
    from seqlab.probes import Probe
    from seqlab.spec import find, names
    from seqlab.train.inspection import inspect_checkpoint

    probes: dict[str, Probe] = {name: find("probes", name)() for name in wanted or names("probes")}  # type: ignore[misc]
    found = inspect_checkpoint(run, step, probes)
    return {name: [look] for name, look in found.looks.items()}, found.remarks


def _chosen(seen: Mapping[str, list[Look]], wanted: Sequence[str], pattern: str, run: Run) -> dict[str, list[Look]]:
    """The looks of the probes that are wanted, at the places that are; says what there is where that is nothing."""
    for name in wanted:
        if name not in seen:
            raise click.ClickException(
                f"no probe {name!r} saw anything of {run.name}; {', '.join(sorted(seen)) or 'none'} did"
            )
    found = {
        name: [Look(look.step, look.phase, _places(look.places, pattern)) for look in looks]
        for name, looks in seen.items()
        if name in (wanted or seen)
    }
    kept = {name: looks for name, looks in found.items() if any(look.places for look in looks)}
    if not kept:
        raise click.ClickException(
            f"no place of {run.name} is called {pattern!r}; `seqlab inspect {run.name}` shows them."
        )
    return kept


def _places(places: Places, pattern: str) -> Places:
    return {place: seen for place, seen in places.items() if fnmatchcase(place, pattern)}


def _print(name: str, looks: Sequence[Look], most: int | None) -> None:
    """The newest look as a table; where there are several, its first number through training as a row of bars."""
    newest = looks[-1]
    told = {key: value for seen in newest.places.values() for key, value in seen.items()}
    keys = [key for key, value in told.items() if not is_packed(value)]
    when = f"step {newest.step:,}" if len(looks) == 1 else f"steps {looks[0].step:,} to {newest.step:,}"
    render.heading(f"{name} ({newest.phase.replace('_', ' ')}, {when})")
    shown = list(newest.places.items())[:most]
    course = f"{keys[0]} so far" if len(looks) > 1 else ""
    rows = [[place, _course(looks, place, keys[0]), *(_cell(seen.get(key)) for key in keys)] for place, seen in shown]
    render.table(["", course, *(key.replace("_", " ") for key in keys)], rows, left=["", course])
    if len(shown) < len(newest.places):
        click.echo(f"  ... {len(newest.places) - len(shown)} more: --probe {name}")


def _course(looks: Sequence[Look], place: str, key: str) -> str:
    """A place's number through training, the last 24 looks."""
    values = [look.places.get(place, {}).get(key) for look in looks[-24:]]
    numbers = [value for value in values if isinstance(value, float)]
    return sparks(numbers) if len(looks) > 1 else ""


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return sparks(value)
    is_count = isinstance(value, float) and value.is_integer()
    return render.figure(int(value) if is_count else value)


def _write(place: Path, text: str) -> None:
    try:
        place.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"cannot write {place}: {error.strerror}.") from None
