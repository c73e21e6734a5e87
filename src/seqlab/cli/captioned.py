"""A chart of a page as a figure for a paper, its caption beneath it."""

from __future__ import annotations

import textwrap
from pathlib import Path

from seqlab.cli import figure
from seqlab.report.page import Chart

__all__ = ["draw_chart"]

CAPTION = 110
"""Characters of a line of the caption."""


def draw_chart(place: Path, chart: Chart) -> None:
    """Write an SVG, PNG or PDF; raises ClickException where that cannot be."""
    drawing, axes = figure.blank(place)
    for line in chart.lines:
        (drawn,) = axes.plot(*zip(*line.points, strict=True), label=line.name, linewidth=1.4)
        if line.band:
            x, low, high = zip(*line.band, strict=True)
            axes.fill_between(x, low, high, color=drawn.get_color(), alpha=0.2, linewidth=0)
    axes.set_xlabel(chart.x)
    axes.set_ylabel(chart.y)
    axes.set_xscale("log" if chart.is_log_x else "linear")
    axes.set_yscale("log" if chart.is_log_y else "linear")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    if chart.caption:
        drawing.supxlabel(textwrap.fill(chart.caption, CAPTION), x=0.01, ha="left", fontsize=7, parse_math=False)
    figure.write(drawing, place)
