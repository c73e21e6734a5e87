"""How the result of a sweep depends on its knobs, drawn in the terminal or as a figure."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from seqlab.cli import render
from seqlab.cli.canvas import canvas, frame_of
from seqlab.cli.figure import blank, write
from seqlab.sweeps.rules import Rule
from seqlab.sweeps.select import Choice
from seqlab.sweeps.select.knobs import is_number
from seqlab.sweeps.sensitivity import Heat, Point, Response, heat, is_logarithmic, response

__all__ = ["show"]

HEIGHT = 14
AT_WINNER, AT_BEST = "with the winner's other settings", "with the best other settings"


def show(
    rule: Rule, choice: Choice, knob: str | None, two: tuple[str, str] | None, out: Path | None, as_json: bool
) -> None:
    """Show the response to one knob, or the map of two, or both; as a figure where `out` names one."""
    if out is not None and knob and two:
        raise click.UsageError("--out holds one drawing; ask for --response or for --heat.")
    one = response(choice, knob, rule.higher_is_better) if knob else None
    both = heat(choice, *two, rule.higher_is_better) if two else None
    if as_json:
        told: dict[str, Any] = {"rule": rule.to_json()}
        told |= {"response": one.to_json()} if one else {}
        render.json_out(told | ({"heat": both.to_json()} if both else {}))
    elif out is not None:
        figure, axes = blank(out)
        axes.set_title(str(rule), fontsize=9)
        if one:
            _draw_response(axes, one)
        if both:
            _draw_heat(figure, axes, both)
        write(figure, out)
    else:
        click.echo(click.style(str(rule), bold=True))
        if one:
            _print_response(one)
        if both:
            _print_heat(both)


def _print_response(one: Response) -> None:
    points = one.at_winner
    values = [point.value for point in points]
    if len(points) > 1 and all(map(is_number, values)):
        curves = _curves(one)
        frame = frame_of(list(curves.values()), log_x=is_logarithmic(values))
        width = min(shutil.get_terminal_size((render.WIDTH, 24)).columns, 120)
        for line in canvas(curves, frame, width, HEIGHT):
            click.echo(line.rstrip())
    head = [one.knob, "mean", "95 % interval", "seeds"]
    for title, found in ((AT_WINNER, points), (AT_BEST, one.at_best)):
        if title == AT_WINNER or found != points:
            render.heading(title)
            render.table(head, [_row(point) for point in found], left=[one.knob])


def _curves(one: Response) -> dict[str, list[tuple[float, float]]]:
    """What is drawn: the means, the ends of their intervals, and what better settings would reach."""
    points = one.at_winner
    return {
        AT_WINNER: [(point.value, point.mean) for point in points],
        **({AT_BEST: [(point.value, point.mean) for point in one.at_best]} if one.at_best != points else {}),
        "low end of 95 %": [(point.value, point.low) for point in points if point.low is not None],
        "high end of 95 %": [(point.value, point.high) for point in points if point.high is not None],
    }


def _row(point: Point) -> list[str]:
    interval = "" if point.low is None else f"{render.figure(point.low)} to {render.figure(point.high)}"
    return [render.plain(point.value), f"{point.mean:.5g}", interval, str(point.seeds)]


def _print_heat(both: Heat) -> None:
    (first, second), (rows, columns) = both.knobs, both.values
    render.heading(f"{first} (down) by {second} (across); * may be the best")
    cells = [
        [render.plain(value), *("" if mean is None else f"{mean:.5g}{'*' if tied else ' '}" for mean, tied in pairs)]
        for value, pairs in ((value, zip(both.means[i], both.ties[i], strict=True)) for i, value in enumerate(rows))
    ]
    render.table(["", *map(render.plain, columns)], cells, left=[""])


def _draw_response(axes: Any, one: Response) -> None:
    """Means with their intervals; a knob that is no number stands in its order."""
    for label, points in ((AT_WINNER, one.at_winner), (AT_BEST, one.at_best)):
        if label == AT_BEST and points == one.at_winner:
            continue
        places = _places([point.value for point in points])
        (line,) = axes.plot(places, [point.mean for point in points], marker="o", label=label)
        spread = [(at, point) for at, point in zip(places, points, strict=True) if point.low is not None]
        axes.vlines(
            [at for at, _ in spread], [point.low for _, point in spread], [point.high for _, point in spread],
            color=line.get_color(), linewidth=1,
        )  # fmt: skip
    values = [point.value for point in one.at_best]
    axes.set_xscale("log" if is_logarithmic(values) else "linear")
    if not all(map(is_number, values)):
        axes.set_xticks(range(len(values)), [render.plain(value) for value in values])
    axes.set_xlabel(one.knob)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)


def _places(values: Sequence[Any]) -> list[float]:
    return list(values) if all(map(is_number, values)) else [float(index) for index in range(len(values))]


def _draw_heat(figure: Any, axes: Any, both: Heat) -> None:
    (first, second), (rows, columns) = both.knobs, both.values
    means = [[float("nan") if mean is None else mean for mean in row] for row in both.means]
    image = axes.imshow(means, aspect="auto", cmap="viridis")
    figure.colorbar(image, ax=axes)
    for i, row in enumerate(both.means):
        for j, mean in enumerate(row):
            if mean is not None:
                text, shade = f"{mean:.4g}{'*' if both.ties[i][j] else ''}", image.norm(mean)
                colour = "black" if shade > 0.6 else "white"  # viridis is dark below
                axes.text(j, i, text, ha="center", va="center", fontsize=7, color=colour)
    axes.set_xticks(range(len(columns)), [render.plain(value) for value in columns])
    axes.set_yticks(range(len(rows)), [render.plain(value) for value in rows])
    axes.set_xlabel(second)
    axes.set_ylabel(first)
