"""The grammar of a grid: `key=a,b,c`, `other=lo..hi:log:7`, or random draws from the same.

    optim.lr=1e-4..1e-1:log:4        0.0001, 0.001, 0.01, 0.1: in equal ratios, both ends included
    model.dim=64,128                 as listed
    clip=0.5..1.5:3                  0.5, 1.0, 1.5: in equal steps
    methods=none,(redo,cbp)          brackets hold a value together that has commas of its own

Ends that are whole numbers give whole numbers. A grid is every combination; random draws take for each knob one of its
values, or any number within a range that names no count.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product, takewhile
from typing import Any

from seqlab.sweeps.errors import SweepError

__all__ = ["Knob", "combinations", "draws", "parse_knob", "parse_knobs", "setting"]

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(?::(log|linear))?(?::(\d+))?")
DIGITS = 6
"""Of a value between the ends of a range: as exact as a sweep needs, and short enough to type again."""


@dataclass(frozen=True)
class Knob:
    """A field that a sweep varies, with the texts of its values, or a range to draw them from."""

    path: str
    values: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    is_log: bool = False
    is_whole: bool = False

    @property
    def size(self) -> float:
        """How many different values it has; infinitely many where it is a range of numbers that are not whole."""
        return len(self.values) or (self.high - self.low + 1 if self.is_whole else math.inf)

    def within(self, share: float) -> str:
        """The text of the value at a share (0 to 1) of the range."""
        if share in (0.0, 1.0):
            value = self.high if share else self.low
        elif self.is_log:
            value = math.exp(math.log(self.low) + share * math.log(self.high / self.low))
        else:
            value = self.low + share * (self.high - self.low)
        return str(round(value)) if self.is_whole else repr(float(f"{value:.{DIGITS}g}"))


def parse_knobs(texts: Iterable[str]) -> list[Knob]:
    """The knobs that texts `key=values` say. Raises SweepError, also for a field that stands twice."""
    knobs = [parse_knob(text) for text in texts]
    paths = [knob.path for knob in knobs]
    twice = next((path for path in paths if paths.count(path) > 1), None)
    if twice is not None:
        raise SweepError(f"`{twice}` is varied twice; give all its values at once, with commas between")
    return knobs


def parse_knob(text: str) -> Knob:
    """The knob that `key=a,b,c` or `key=lo..hi:log:7` says. Raises SweepError."""
    path, equals, written = text.partition("=")
    path, written = path.strip(), written.strip()
    if not equals or not path or not written:
        raise SweepError(f"`{text}` varies nothing; write key=a,b,c or key=lo..hi:log:7")
    if path == "seed":
        raise SweepError("`seed` is no knob: cells are compared over seeds; say how many with --seeds N")
    if found := _RANGE.fullmatch(written):
        return _range(text, path, *found.groups())
    values = tuple(_split(text, written))
    twice = next((value for value in values if values.count(value) > 1), None)
    if twice is not None:
        raise SweepError(f"`{text}` has {twice} twice; leave one out")
    return Knob(path, values)


def _range(text: str, path: str, first: str, last: str, scale: str | None, count: str | None) -> Knob:
    low, high = float(first), float(last)
    if not low < high:
        raise SweepError(f"`{text}` is a range from {first} to {last}; the first must be the smaller")
    if scale == "log" and low <= 0:
        raise SweepError(f"`{text}`: equal ratios need ends above zero; leave out `:log`, or begin above zero")
    whole = all(re.fullmatch(r"[+-]?\d+", end) for end in (first, last))
    knob = Knob(path, (), low, high, scale == "log", whole)
    if count is None:
        return knob
    if int(count) < 2:
        raise SweepError(f"`{text}`: a range has two values or more; for one write {path}={first}")
    values = tuple(dict.fromkeys(knob.within(index / (int(count) - 1)) for index in range(int(count))))
    if len(values) < int(count):
        raise SweepError(f"`{text}` has only {len(values)} different whole numbers; ask for no more")
    return Knob(path, values)


def _split(text: str, written: str) -> Iterable[str]:
    """The values between commas that no bracket holds together."""
    depth, value = 0, ""
    for character in written + ",":
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            if not value.strip():
                raise SweepError(f"`{text}` has an empty value; write `none` where that is meant")
            yield _unbracketed(value.strip())
            value = ""
        else:
            value += character
    if depth != 0:
        raise SweepError(f"`{text}` has a bracket without its other half")


def _unbracketed(value: str) -> str:
    return value[1:-1].strip() or "none" if value.startswith("(") and value.endswith(")") else value


def combinations(knobs: Sequence[Knob]) -> list[dict[str, str]]:
    """Every combination of the knobs' values, path -> text; the last knob varies fastest."""
    endless = next((knob for knob in knobs if not knob.values), None)
    if endless is not None:
        raise SweepError(
            f"`{endless.path}` is a range without a number of values; write lo..hi:log:7, or draw with --random N"
        )
    paths = [knob.path for knob in knobs]
    return [dict(zip(paths, values, strict=True)) for values in product(*(knob.values for knob in knobs))]


def draws(knobs: Sequence[Knob], count: int) -> list[dict[str, str]]:
    """So many different random draws. The n-th is always the same, so that asking for more adds to those there are.

    Raises SweepError where the knobs have fewer different values together.
    """
    there_are = math.prod(knob.size for knob in knobs)
    if count > there_are:
        raise SweepError(
            f"the knobs have {there_are:.0f} combinations, fewer than {count}; leave --random out to run them all"
        )
    found: dict[tuple[str, ...], dict[str, str]] = {}
    for index in takewhile(lambda _: len(found) < count, itertools.count()):
        drawn = {knob.path: _drawn(knob, index) for knob in knobs}
        found.setdefault(tuple(drawn.values()), drawn)
    return list(found.values())


def _drawn(knob: Knob, index: int) -> str:
    digest = hashlib.sha256(f"{knob.path} {index}".encode()).digest()
    share = int.from_bytes(digest[:6]) / (1 << 48)
    return knob.values[int(share * len(knob.values))] if knob.values else knob.within(share)


def setting(text: str) -> Any:
    """A value as the record keeps it: a number, true, false or none where the text is one, else the text."""
    if text.lower() == "none":
        return None
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return json.loads(text) if text in ("true", "false") else text
