"""Small drawings as SVG: curves as large as a word, and histograms. What they name is escaped."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from seqlab.web.thinning import thinned
from seqlab.wording import figure

__all__ = ["bars", "sparkline", "svg", "text"]

SPARK = (96, 20)
POINTS = 64
BARS, BAR = 44, 12.0
"""Height of the highest bar, and width of the widest."""


def svg(kind: str, width: float, height: float, title: str, parts: Iterable[str]) -> Markup:
    """A drawing that is named for those who cannot see it. kind: its class, by which the style sheet knows it."""
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
    return Markup(f'<svg class="{kind}" {size} role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>')


def text(x: float, y: float, words: str, anchor: str = "start", kind: str = "") -> str:
    """Words in a drawing."""
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{named}>{escape(words)}</text>'


def sparkline(values: NDArray[np.float64], title: str) -> Markup:
    """A curve as large as a word, from its least to its largest value; nothing of fewer than two values."""
    kept = values[thinned(values, POINTS)]
    finite = np.isfinite(kept)
    if finite.sum() < 2:
        return Markup("")
    wide, high = SPARK
    low, top = float(kept[finite].min()), float(kept[finite].max())
    places = np.linspace(1, wide - 1, kept.size)[finite]
    heights = high - 2 - (kept[finite] - low) / ((top - low) or 1.0) * (high - 4)
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(places, heights, strict=True))
    told = f"{title}: {figure(float(kept[finite][0]))} to {figure(float(kept[finite][-1]))}"
    return svg("spark", wide, high, told, [f"<title>{escape(told)}</title>", f'<polyline points="{points}"/>'])


def bars(values: Sequence[float], title: str) -> Markup:
    """A histogram: a bar for each number, upwards or downwards from zero."""
    finite = [value for value in values if math.isfinite(value)]
    low, top = min([*finite, 0.0]), max([*finite, 0.0])
    scale, wide = BARS / ((top - low) or 1.0), max(2.0, min(BAR, 240 / max(len(values), 1)))
    parts = []
    for index, value in enumerate(values):
        if math.isfinite(value):
            y = 2 + (top - max(value, 0.0)) * scale
            size = f'width="{wide - 0.8:.1f}" height="{max(abs(value) * scale, 0.6):.1f}"'
            told = f"<title>{index}: {figure(value)}</title>"
            parts.append(f'<rect x="{index * wide:.1f}" y="{y:.1f}" {size}>{told}</rect>')
    return svg("bars", wide * max(len(values), 1), BARS + 4, title, parts)
