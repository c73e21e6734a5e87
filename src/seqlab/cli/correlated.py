"""Correlates of plasticity as a figure, a panel for each quantity and layer, and as a table of their last values."""

from __future__ import annotations

from pathlib import Path

from seqlab.cli import figure, render
from seqlab.journal.correlates import Correlates

__all__ = ["draw_correlates", "print_correlates"]

PANEL = (3.0, 1.9)
"""Width and height in inches."""


def draw_correlates(place: Path, found: Correlates) -> None:
    """Write a figure: a row of panels for each quantity, a panel for each layer, a line for each group with the band
    from its lowest to its highest seed."""
    columns = max(len(layers) for layers in found.bands.values())
    drawing, panels = figure.panels(place, len(found.bands), columns, PANEL)
    labelled: dict[str, object] = {}
    for row, (title, layers) in zip(panels, found.bands.items(), strict=True):
        for axes in row[len(layers) :]:
            axes.set_axis_off()
        for axes, (layer, groups) in zip(row, layers.items(), strict=False):
            for index, (name, band) in enumerate(groups.items()):
                colour, dot = f"C{index}", "." if len(band.x) == 1 else ""  # a line of one look would not be seen
                (labelled[name],) = axes.plot(band.x, band.mean, color=colour, linewidth=1.1, marker=dot)
                axes.fill_between(band.x, band.low, band.high, color=colour, alpha=0.2, linewidth=0)
            axes.set_title(f"{layer}: {title}", fontsize=6)
            axes.tick_params(labelsize=6)
            axes.spines[["top", "right"]].set_visible(False)
    for axes in panels[-1]:
        axes.set_xlabel(found.axis, fontsize=7)
    drawing.legend(labelled.values(), labelled, loc="outside upper center", ncols=6, frameon=False, fontsize=7)
    figure.write(drawing, place)


def print_correlates(found: Correlates) -> None:
    """Print the mean of each quantity over the seeds at the last look, by layer and group."""
    names = list(dict.fromkeys(name for layers in found.bands.values() for one in layers.values() for name in one))
    rows = []
    for title, layers in found.bands.items():
        for index, (layer, groups) in enumerate(layers.items()):
            values = [groups[name].mean[-1] if name in groups else None for name in names]
            rows.append(["" if index else title, layer, *map(render.figure, values)])
    render.table(["at the last look", "layer", *names], rows, left=["at the last look", "layer"])
