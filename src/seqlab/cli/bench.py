"""`seqlab bench`: timings side by side, after the gate."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqlab.cli import options, render

if TYPE_CHECKING:
    from seqlab.bench import Options, Row

    Measured = dict[str, list[Row]]

GATE = "gate"
DRAWN = ("mixers", "operators")
"""What can be drawn."""
HEAD = ("what", "median", "unit", "min", "spread", "target", "ratio", "also")


class Numbers(click.ParamType):  # type: ignore[type-arg]  # generic only in newer releases of click
    """Whole numbers with commas between them."""

    name = "n,n"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        parts = str(value).split(",")
        if not all(part.isdigit() and int(part) > 0 for part in parts):
            self.fail(f"{value}: write whole numbers with commas between them, such as 1024,4096.", param, ctx)
        return tuple(int(part) for part in parts)


@click.command()
@click.argument("wanted", nargs=-1, metavar="[WHAT]...")
@click.option("--quick", is_flag=True, help="Tiny sizes: everything runs, and the numbers say nothing.")
@click.option(
    "--path",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The text of `shakespeare`: tinyshakespeare; or an alignment for `fits`.",
)
@click.option("--seeds", type=click.IntRange(min=1), default=1, show_default=True, help="Seeds of `shakespeare`.")
@click.option(
    "--peer-steps",
    type=click.IntRange(min=1),
    default=2000,
    show_default=True,
    help="Steps of the peer of `shakespeare`.",
)
@click.option("--lengths", type=Numbers(), default=(), help="Those of `mixers` and `operators`, not each its own.")
@click.option("--only", metavar="NAME", multiple=True, help="A mixer, or a duel of `mixers`; may be repeated.")
@click.option(
    "--preset", type=click.Choice(["cpu", "notebook"]), default="cpu", show_default=True, help="Sizes of `operators`."
)
@click.option(
    "--svg",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw the rows of `mixers` or `operators`.",
)
@click.option("--keep", is_flag=True, help="Keep the rows in the lab book, in .bench.")
@options.as_json
@options.book_option
def command(
    wanted: tuple[str, ...], quick: bool, path: Path | None, seeds: int, peer_steps: int, lengths: tuple[int, ...],
    only: tuple[str, ...], preset: str, svg: Path | None, keep: bool, as_json: bool, runs: Path | None,
) -> None:  # fmt: skip
    """Measure speed, side by side with a peer; without WHAT: list what there is.

    WHAT is one or several names, or `all`. The gate runs first; while it is red no time is shown, and the exit code
    is 1. The machine should do nothing else meanwhile.
    """
    from seqlab import bench

    if not wanted:
        _list(as_json)
        return
    names = _chosen(wanted, path)
    _check_drawing(svg, names)
    from seqlab.bench.shared.machine import machine
    from seqlab.cli.chart import drawing

    state = machine()
    told = bench.Options(
        experiments=_demos(), quick=quick, lengths=lengths, only=only, preset=preset, path=path, seeds=seeds,
        peer_steps=peer_steps,
    )  # fmt: skip
    gate = bench.measure(GATE, told)
    red = [row for row in gate if row.misses]
    show = _print_json if as_json else _print
    measured: Measured = {}
    try:
        show(state, gate, [] if red else names, told, measured)
    finally:  # what was measured before a signal is kept too
        if keep and not red:
            click.echo(f"kept {_keep(state, gate, measured, runs)}", err=as_json)
    if svg is not None and not red:
        svg.write_text(drawing([row for name in DRAWN for row in measured.get(name, [])]), encoding="utf-8")
        click.echo(f"wrote {svg}", err=as_json)
    if red:
        click.echo(f"the gate is red, so nothing was timed: {'; '.join(row.what for row in red)}.", err=True)
        raise SystemExit(1)


def _list(as_json: bool) -> None:
    from seqlab import bench

    found = {name: bench.summary(name) for name in bench.names()}
    if as_json:
        render.json_out([{"name": name, "summary": summary} for name, summary in found.items()])
        return
    for name, summary in found.items():
        click.echo(f"{click.style(name.ljust(max(map(len, found))), bold=True)}  {summary}")


def _chosen(wanted: Sequence[str], path: Path | None) -> list[str]:
    """The benchmarks to run after the gate, which runs anyway."""
    from seqlab import bench
    from seqlab.spec import SpecError, did_you_mean

    known = bench.names()
    for name in wanted:
        if name not in (*known, "all"):
            raise SpecError(f"there is no benchmark `{name}`; {did_you_mean(name, [*known, 'all'])}")
    if "all" in wanted:
        left_out = {"operators"} | ({"shakespeare"} if path is None else set())
        wanted = [name for name in known if name not in left_out]
        click.echo("operators is left out, for it takes long: ask for it by name.", err=True)
        if path is None:
            click.echo("shakespeare is left out: give its text with --path FILE.", err=True)
    return [name for name in dict.fromkeys(wanted) if name != GATE]


def _check_drawing(svg: Path | None, names: Sequence[str]) -> None:
    """Raise UsageError for a drawing that could not be made when everything has been measured."""
    if svg is not None and len([name for name in names if name in DRAWN]) != 1:
        raise click.UsageError("--svg draws the rows of `mixers` or of `operators`; add one of them to WHAT.")
    if svg is not None and not svg.absolute().parent.is_dir():
        raise click.UsageError(f"{svg}: there is no folder {svg.parent}; make it first.")


def _demos() -> dict[str, Any]:
    """The shipped demo recipes, whose training is measured."""
    from seqlab.recipes import find_recipe, shipped

    return {name: find_recipe(name).build() for name in shipped() if name.startswith("demo:")}


def _measure(name: str, told: Options, measured: Measured) -> None:
    """Measure, and add the rows to `measured`: those before a signal where one ended it."""
    from seqlab import bench

    try:
        measured[name] = bench.measure(name, told)
    except bench.Interrupted as error:
        measured[name] = error.rows
        raise


def _print_json(
    state: dict[str, Any], gate: Sequence[Row], names: Sequence[str], told: Options, measured: Measured
) -> None:
    try:
        for name in names:
            _measure(name, told, measured)
    finally:
        render.json_out(_as_json(state, gate, measured))


def _as_json(state: dict[str, Any], gate: Sequence[Row], measured: Measured) -> dict[str, Any]:
    benchmarks = {name: [row.to_json() for row in rows] for name, rows in measured.items()}
    return {"machine": state, "gate": [row.to_json() for row in gate], "benchmarks": benchmarks}


def _keep(state: dict[str, Any], gate: Sequence[Row], measured: Measured, runs: Path | None) -> Path:
    """Write the rows to a file of their own in the lab book."""
    from seqlab.journal import LabBook
    from seqlab.journal.clock import now
    from seqlab.journal.files import clearly, replace_json

    time = now()
    place = LabBook(runs).root / ".bench" / f"{time[:19].replace(':', '')}-{time[20:26]}.json"
    with clearly(place.parent):
        place.parent.mkdir(parents=True, exist_ok=True)
    replace_json(place, {"time": time, **_as_json(state, gate, measured)})
    return place


def _print(state: dict[str, Any], gate: Sequence[Row], names: Sequence[str], told: Options, measured: Measured) -> None:
    from seqlab import bench

    _print_machine(state)
    worst = sum(row.misses for row in gate)
    click.echo(f"gate: {len(gate) - worst} of {len(gate)} checks are green")
    if worst or not names:
        _print_rows([row for row in gate if row.misses] or gate)
    for name in names:
        render.heading(f"{name}: {bench.summary(name)}")
        started = time.monotonic()
        try:
            _measure(name, told, measured)
        finally:
            if rows := measured.get(name):
                _print_rows(rows)
        click.echo(click.style(f"  measured in {render.duration(time.monotonic() - started)}", dim=True))


def _print_machine(state: dict[str, Any]) -> None:
    device = "" if state["device"] == "cpu" else f", {state['device']}"
    click.echo(
        f"{state['processor']}, {state['cores']} cores, {state['threads']} threads{device}, "
        f"torch {state['torch']}, load average {state['load_average']:.2f}"
    )
    if not state["idle"]:
        click.secho("warning: this machine is not idle; the times below are not to be trusted.", bold=True, err=True)


def _print_rows(rows: Sequence[Row]) -> None:
    render.table(HEAD, [_cells(row) for row in rows], left=("what", "unit", "also"))


def _cells(row: Row) -> list[str]:
    also = [f"{render.figure(value)} {name}" for name, value in row.also.items()]
    also += [text for text in (row.note, row.error) if text]
    return [
        row.what,
        "" if row.error else render.figure(row.value),
        row.unit,
        render.figure(row.minimum),
        f"{row.spread:.0%}" if row.spread is not None else "",
        f"{render.figure(row.target)}{' missed' if row.misses else ''}" if row.target is not None else "",
        f"{row.ratio:.2f} x {row.peer}" if row.ratio is not None else "",
        ", ".join(also),
    ]
