"""Curves as a file, SVG, PNG or PDF, by matplotlib (extra `plots`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from seqlab.journal.curves import UNITS, Curve
from seqlab.journal.lineage import Mark

__all__ = ["ENDINGS", "blank", "draw", "panels", "smoothed", "write"]

ENDINGS = (".svg", ".png", ".pdf")


def draw(
    place: Path, curves: Mapping[str, Curve], smooth: int, floors: Mapping[str, float], marks: Sequence[Mark],
    log_x: bool, log_y: bool,
) -> None:  # fmt: skip
    """Write a figure of curves by their labels, floors as dotted lines, and dashed lines where settings changed."""
    figure, axes = blank(place)
    for label, one in curves.items():
        (line,) = axes.plot(
            one.x, one.y, label=label, linewidth=1.4 if smooth < 2 else 0.7, alpha=1 if smooth < 2 else 0.4
        )
        if smooth > 1:
            axes.plot(one.x, smoothed(one.y, smooth), color=line.get_color(), linewidth=1.6)
    for name, value in floors.items():
        axes.axhline(value, color="0.5", linewidth=0.8, linestyle=":")
        axes.annotate(
            name, (1, value), xycoords=("axes fraction", "data"), fontsize=7, color="0.4", ha="right", va="bottom"
        )
    for mark in marks:
        axes.axvline(mark.step, color="0.6", linewidth=0.8, linestyle="--")
        told = "\n".join([mark.run, *(change.removesuffix(" took effect") for change in mark.changes)])
        axes.annotate(told, (mark.step, 1), xycoords=("data", "axes fraction"), fontsize=6, va="top")
    axes.set_xlabel(" · ".join(dict.fromkeys(UNITS[one.axis] for one in curves.values())))
    axes.set_ylabel(" · ".join(dict.fromkeys(one.metric for one in curves.values())))
    axes.set_xscale("log" if log_x else "linear")
    axes.set_yscale("log" if log_y else "linear")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    write(figure, place)


def blank(place: Path) -> tuple[Any, Any]:
    """An empty figure of matplotlib and its axes, to be written to `place`; says what is wrong with that beforehand."""
    return _pyplot(place).subplots(figsize=(7, 4), layout="constrained")  # type: ignore[no-any-return]


def panels(place: Path, rows: int, columns: int, size: tuple[float, float]) -> tuple[Any, Any]:
    """The same with a grid of axes, (rows, columns), each of a width and a height in inches."""
    figsize = (size[0] * columns, size[1] * rows)
    return _pyplot(place).subplots(  # type: ignore[no-any-return]
        rows, columns, figsize=figsize, layout="constrained", squeeze=False, sharex=True
    )


def _pyplot(place: Path) -> Any:
    _check(place)
    try:
        import matplotlib
    except ImportError:
        raise click.ClickException("figures need matplotlib; install it with `pip install 'seqlab[plots]'`.") from None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    matplotlib.rcParams["svg.hashsalt"] = "seqlab"  # the same values make the same file
    return pyplot


def write(figure: Any, place: Path) -> None:
    """Write a figure and close it."""
    from matplotlib import pyplot

    try:
        figure.savefig(place, dpi=150, metadata={"Date": None} if place.suffix.lower() == ".svg" else None)
    except OSError as error:
        raise click.ClickException(f"cannot write {place}: {error.strerror}.") from None
    finally:
        pyplot.close(figure)


def _check(place: Path) -> None:
    if place.suffix.lower() not in ENDINGS:
        raise click.ClickException(f"{place}: a figure ends in {', '.join(ENDINGS)}.")
    if not place.parent.is_dir():
        raise click.ClickException(f"{place}: there is no folder {place.parent}; make it first.")


def smoothed(values: Sequence[float], window: int) -> list[float]:
    """The mean of the last `window` values at each place."""
    found = []
    for end in range(1, len(values) + 1):
        part = values[max(0, end - window) : end]
        found.append(sum(part) / len(part))
    return found
