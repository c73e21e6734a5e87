"""`seqlab plot`: curves of runs, in the terminal or as a figure."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from seqlab.cli import options, render
from seqlab.cli.canvas import canvas, frame_of
from seqlab.cli.figure import draw, smoothed
from seqlab.cli.results import floor_values
from seqlab.journal import LabBook, Run
from seqlab.journal.curves import AXES, UNITS, Axis, Curve, curve, usual_metric
from seqlab.journal.lineage import Mark, ancestral_curve
from seqlab.journal.taint import taints

COLOURS = ("cyan", "yellow", "magenta", "green", "red", "blue")
HEIGHT = 18


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="RUN...", type=options.RunName())
@click.option("--metric", "metrics", metavar="NAME", multiple=True, help="What to draw; may be repeated.")
@click.option("--x", "axis", type=click.Choice(AXES), default="step", show_default=True, help="What runs to the right.")
@click.option("--from", "start", metavar="X", type=float, help="Leave out what is before.")
@click.option("--to", "end", metavar="X", type=float, help="Leave out what is behind.")
@click.option("--log-x", is_flag=True, help="A logarithmic axis.")
@click.option("--log-y", is_flag=True, help="A logarithmic axis.")
@click.option(
    "--smooth", metavar="N", type=click.IntRange(min=1), default=1, help="Also the mean of the last N values."
)
@click.option(
    "--correlates", is_flag=True,
    help="What goes with plasticity, by task and layer: groups of runs as `seqlab compare` has them, overlaid.",
)  # fmt: skip
@click.option("--lineage", is_flag=True, help="One run with its ancestors as one curve, marked where it was forked.")
@click.option(
    "--out", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Write .svg, .png or .pdf."
)
@options.as_json
@options.book_option
def command(
    names: tuple[str, ...], metrics: tuple[str, ...], axis: Axis, start: float | None, end: float | None, log_x: bool,
    log_y: bool, smooth: int, correlates: bool, lineage: bool, out: Path | None, as_json: bool, runs: Path | None,
) -> None:  # fmt: skip
    """Draw curves of one or several runs.

    Without --metric the held-out loss during training. Floors that all runs share are dotted lines. What a resumed
    attempt superseded is left out. With --correlates the mean of each group over its seeds, with the band from the
    lowest to the highest: resets, deaths, ages, thresholds, entropies, ranks and norms of every layer.
    """
    book = LabBook(runs)
    if correlates:
        _correlates(book, names, out, as_json)
        return
    found = list({run.folder: run for run in map(book.open, names)}.values())
    if len({run.name for run in found}) < len(found):
        raise click.ClickException("two of these runs have one name and could not be told apart; rename one of them.")
    curves, marks = _lineage(found, metrics, axis, book) if lineage else (_curves(found, metrics, axis), [])
    curves = [_cut(one, start, end) for one in curves]
    left_out = sum(not math.isfinite(y) for one in curves for y in one.y)
    floors = _shared_floors(found, curves)
    everything = taints(book.everything())
    tainted = {run.name: everything[run.name] for run in found if run.name in everything}
    labelled = _labelled(curves, tainted)
    if out is not None:
        draw(out, labelled, smooth, floors, marks, log_x, log_y)
        click.echo(f"wrote {out}", err=as_json)
    if as_json:
        told = {"curves": [vars(one) for one in curves], "marks": [mark._asdict() for mark in marks]}
        render.json_out({"x": axis, **told, "taints": tainted})
        return
    if out is None:
        _print(labelled, floors, smooth, log_x, log_y)
    for name, why in tainted.items():
        click.secho(render.indented(f"! {name} is tainted: {why}"), fg="yellow")
    for mark in marks:
        click.echo(f"  step {mark.step:,}  {mark.run} begins  {'; '.join(mark.changes)}".rstrip())
    if left_out:
        click.echo(f"  {left_out} values are not finite and leave a gap")


def _correlates(book: LabBook, names: Sequence[str], out: Path | None, as_json: bool) -> None:
    from seqlab.cli.correlated import draw_correlates, print_correlates
    from seqlab.journal.correlates import correlates
    from seqlab.sweeps.grouped import grouped

    found = correlates(grouped(book, names, least=1))
    if out is not None:
        draw_correlates(out, found)
        click.echo(f"wrote {out}", err=as_json)
    if as_json:
        render.json_out(asdict(found))
    elif out is None:
        print_correlates(found)


def _curves(runs: Sequence[Run], metrics: Sequence[str], axis: Axis) -> list[Curve]:
    wanted = metrics or (usual_metric(*runs),)
    return [curve(run, metric, axis) for run in runs for metric in wanted]


def _lineage(runs: Sequence[Run], metrics: Sequence[str], axis: Axis, book: LabBook) -> tuple[list[Curve], list[Mark]]:
    if len(runs) > 1 or len(metrics) > 1 or axis != "step":
        raise click.UsageError("--lineage draws one metric of one run, over steps.")
    (run,), metric = runs, metrics[0] if metrics else usual_metric(runs[0])
    curve(run, metric)  # says what is wrong with the metric
    steps, values, marks = ancestral_curve(run, book.everything(), metric)
    return [Curve(run.name, metric, "step", [float(step) for step in steps], values)], marks


def _cut(one: Curve, start: float | None, end: float | None) -> Curve:
    low, high = -math.inf if start is None else start, math.inf if end is None else end
    kept = [(x, y) for x, y in zip(one.x, one.y, strict=True) if low <= x <= high]
    if not kept:
        raise click.ClickException(f"{one.name} has no {one.metric} between {low:g} and {high:g} {UNITS[one.axis]}.")
    return Curve(one.name, one.metric, one.axis, [x for x, _ in kept], [y for _, y in kept])


def _shared_floors(runs: Sequence[Run], curves: Sequence[Curve]) -> dict[str, float]:
    """The floors of the loss, where all curves are losses and all runs have the same."""
    if not all(one.metric.endswith("/loss") for one in curves):
        return {}
    first, *others = [floor_values(run.summary.get("floors", {}), "loss") for run in runs]
    return first if all(other == first for other in others) else {}


def _labelled(curves: Sequence[Curve], tainted: Container[str]) -> dict[str, Curve]:
    """The curves as the legend calls them: by run, by metric where there are several, and whether to be believed."""
    several = len({one.metric for one in curves}) > 1
    return {f"{one.name}{f' {one.metric}' * several}{' (tainted)' * (one.name in tainted)}": one for one in curves}


def _print(labelled: Mapping[str, Curve], floors: dict[str, float], smooth: int, log_x: bool, log_y: bool) -> None:
    curves = list(labelled.values())
    drawn = {label: list(zip(one.x, one.y, strict=True)) for label, one in labelled.items()}
    if smooth > 1:
        drawn |= {
            f"{label}, mean of {smooth}": list(zip(one.x, smoothed(one.y, smooth), strict=True))
            for label, one in labelled.items()
        }
    frame = frame_of(list(drawn.values()), log_x=log_x, log_y=log_y)
    width = min(shutil.get_terminal_size((render.WIDTH, 24)).columns, 120)

    def style(index: int, text: str) -> str:
        return click.style(text, fg=COLOURS[index % len(COLOURS)]) if sys.stdout.isatty() else text

    click.echo(click.style(" · ".join(dict.fromkeys(one.metric for one in curves)), bold=True))
    for line in canvas(drawn, frame, width, HEIGHT, floors, style):
        click.echo(line.rstrip())
    click.echo(f"{UNITS[curves[0].axis]:>{width}}")
