"""`seqlab plot`: curves of runs, in the terminal or as a figure."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from seqlab.cli import options, render
from seqlab.cli.canvas import canvas, frame_of
from seqlab.cli.figure import draw, smoothed
from seqlab.cli.results import floor_values
from seqlab.journal import LabBook, Run
from seqlab.journal.curves import AXES, UNITS, Axis, Curve, curve, usual_metric
from seqlab.journal.lineage import Mark, ancestral_curve

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
@click.option("--lineage", is_flag=True, help="One run with its ancestors as one curve, marked where it was forked.")
@click.option(
    "--out", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Write .svg, .png or .pdf."
)
@options.as_json
@options.book_option
def command(
    names: tuple[str, ...], metrics: tuple[str, ...], axis: Axis, start: float | None, end: float | None, log_x: bool,
    log_y: bool, smooth: int, lineage: bool, out: Path | None, as_json: bool, runs: Path | None,
) -> None:  # fmt: skip
    """Draw curves of one or several runs.

    Without --metric the held-out loss during training. Floors that all runs share are dotted lines. What a resumed
    attempt superseded is left out.
    """
    book = LabBook(runs)
    found = [book.open(name) for name in dict.fromkeys(names)]
    curves, marks = _lineage(found, metrics, axis, book) if lineage else (_curves(found, metrics, axis), [])
    curves = [_cut(one, start, end) for one in curves]
    left_out = sum(not math.isfinite(y) for one in curves for y in one.y)
    if as_json:
        render.json_out(
            {"x": axis, "curves": [vars(one) for one in curves], "marks": [mark._asdict() for mark in marks]}
        )
        return
    floors = _shared_floors(found, curves)
    if out is not None:
        draw(out, curves, smooth, floors, marks, log_x, log_y)
        click.echo(f"wrote {out}")
    else:
        _print(curves, floors, smooth, log_x, log_y)
    for mark in marks:
        click.echo(f"  step {mark.step:,}  {mark.run} begins  {'; '.join(mark.changes)}".rstrip())
    if left_out:
        click.echo(f"  {left_out} values are not finite and leave a gap")


def _curves(runs: Sequence[Run], metrics: Sequence[str], axis: Axis) -> list[Curve]:
    wanted = metrics or (usual_metric(runs[0]),)
    return [curve(run, metric, axis) for run in runs for metric in wanted]


def _lineage(runs: Sequence[Run], metrics: Sequence[str], axis: Axis, book: LabBook) -> tuple[list[Curve], list[Mark]]:
    if len(runs) > 1 or len(metrics) > 1 or axis != "step":
        raise click.UsageError("--lineage draws one metric of one run, over steps.")
    (run,), metric = runs, metrics[0] if metrics else usual_metric(runs[0])
    curve(run, metric)  # says what is wrong with the metric
    steps, values, marks = ancestral_curve(run, [*book.runs(), *book.runs(archived=True)], metric)
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


def _print(curves: Sequence[Curve], floors: dict[str, float], smooth: int, log_x: bool, log_y: bool) -> None:
    several = len({one.metric for one in curves}) > 1
    drawn = {
        f"{one.name} {one.metric}" if several else one.name: list(zip(one.x, one.y, strict=True)) for one in curves
    }
    if smooth > 1:
        drawn |= {
            f"{one.name} mean of {smooth}": list(zip(one.x, smoothed(one.y, smooth), strict=True)) for one in curves
        }
    frame = frame_of(list(drawn.values()), log_x=log_x, log_y=log_y)
    width = min(shutil.get_terminal_size((render.WIDTH, 24)).columns, 120)

    def style(index: int, text: str) -> str:
        return click.style(text, fg=COLOURS[index % len(COLOURS)]) if sys.stdout.isatty() else text

    click.echo(click.style(" · ".join(dict.fromkeys(one.metric for one in curves)), bold=True))
    for line in canvas(drawn, frame, width, HEIGHT, floors, style):
        click.echo(line.rstrip())
    click.echo(f"{UNITS[curves[0].axis]:>{width}}")
