"""ListOps: nested lists of digits and what they come to, drawn by the published grammar.

The grammar is that of google-research/long-range-arena (lra_benchmarks/data/listops.py, after arXiv 1804.06028). A
forest is drawn level by level, so that numpy does the work; trees that grow too long are cut on the way and not kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqlab.data import DataError
from seqlab.data.ragged import Ragged

__all__ = ["WORDS", "draw", "evaluate"]

OPERATORS = ("[MIN", "[MAX", "[MED", "[SM")
WORDS = (*map(str, range(10)), *OPERATORS, "]")
"""The alphabet: a symbol is a place in it, so a digit is its own value."""
MIN, MAX, MED, SM, CLOSE = range(10, 15)

DEPTH = 10
"""Levels of a tree; the last has digits alone."""
OPERATOR_SHARE = 0.25
"""Probability that a node above the last level is an operator (the original's VALUE_P)."""
ARGUMENTS = 10
"""Most arguments of an operator; the fewest are 2."""
TREES = 4096
"""Trees that are begun together."""

CUT = 2**40
"""The size of an expression that was cut: more than any length asked for."""

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class _Level:
    """The nodes of one depth, siblings side by side: symbol, number of arguments, parent in the level above, tree."""

    symbols: Numbers
    arguments: Numbers
    parents: Numbers
    trees: Numbers

    @property
    def inner(self) -> Numbers:
        """The nodes that have arguments."""
        return np.flatnonzero(self.arguments)

    @property
    def firsts(self) -> Numbers:
        """Of each inner node, the place of its first argument in the level below."""
        counts = self.arguments[self.inner]
        return np.cumsum(counts) - counts


def draw(random: np.random.Generator, shortest: int, longest: int) -> tuple[Ragged, Numbers]:
    """The expressions of one forest that have from `shortest` to `longest` symbols, brackets counted, and their values
    (N,), 0 to 9. There may be none."""
    levels = _forest(random, longest)
    sizes, values = _upwards(levels)
    chosen = np.flatnonzero((sizes[0] >= shortest) & (sizes[0] <= longest))
    return _written(levels, sizes, chosen), values[0][chosen]


def _forest(random: np.random.Generator, longest: int) -> list[_Level]:
    """The levels of all trees; a tree that has more than `longest` symbols ends early and stands as one of none."""
    levels: list[_Level] = []
    lengths = np.zeros(TREES)
    trees, parents = np.arange(TREES), np.zeros(TREES, np.int64)
    for depth in range(1, DEPTH + 1):
        count = len(trees)
        operators = (random.random(count) < OPERATOR_SHARE) & (depth < DEPTH)
        symbols = np.where(operators, random.integers(MIN, CLOSE, count), random.integers(0, 10, count))
        arguments = np.where(operators, random.integers(2, ARGUMENTS + 1, count), 0)
        lengths += np.bincount(trees, 1 + operators, minlength=TREES)
        to_come = np.bincount(trees, arguments, minlength=TREES)
        arguments[(lengths + to_come)[trees] > longest] = 0
        levels.append(_Level(symbols, arguments, parents, trees))
        parents = np.repeat(np.arange(count), arguments)
        trees = trees[parents]
    return levels


def _upwards(levels: list[_Level]) -> tuple[list[Numbers], list[Numbers]]:
    """How many symbols each node's expression has, and its value, level by level; an operator without arguments, where
    a tree was cut, has more than any."""
    sizes, values = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for level in reversed(levels):
        is_cut = (level.symbols >= MIN) & (level.arguments == 0)
        size, value = np.where(is_cut, CUT, 1), level.symbols.copy()
        if len(inner := level.inner):
            size[inner] = 2 + np.add.reduceat(sizes[0], level.firsts)
            value[inner] = _values(level, values[0])
        sizes.insert(0, size)
        values.insert(0, value)
    return sizes[:-1], values[:-1]


def _values(level: _Level, below: Numbers) -> Numbers:
    """The values of the inner nodes; `below` are those of their arguments."""
    firsts, counts = level.firsts, level.arguments[level.inner]
    ordered = below[np.lexsort((below, np.repeat(np.arange(len(counts)), counts)))]
    median = (ordered[firsts + (counts - 1) // 2] + ordered[firsts + counts // 2]) // 2
    ends = firsts + counts - 1
    found = [ordered[firsts], ordered[ends], median, np.add.reduceat(below, firsts) % 10]
    chosen: Numbers = np.choose(level.symbols[level.inner] - MIN, found)
    return chosen


def _written(levels: list[_Level], sizes: list[Numbers], chosen: Numbers) -> Ragged:
    """The chosen trees as symbols, depth first: a node's arguments follow it, and an operator's bracket them."""
    lengths = sizes[0][chosen]
    symbols = np.empty(lengths.sum(), np.uint8)
    places = np.full(len(sizes[0]), -1)
    places[chosen] = np.cumsum(lengths) - lengths
    is_chosen = places >= 0
    for level, size, below in zip(levels, sizes, [*sizes[1:], None], strict=True):
        kept = is_chosen[level.trees]
        symbols[places[kept]] = level.symbols[kept]
        closed = kept & (level.arguments > 0)
        symbols[(places + size - 1)[closed]] = CLOSE
        if below is None:
            break
        before = np.cumsum(below) - below
        offsets = before - np.repeat(before[level.firsts], level.arguments[level.inner])
        places = np.repeat(places, level.arguments) + 1 + offsets
    return Ragged(symbols, lengths)


def evaluate(symbols: NDArray[Any]) -> int:
    """The value of one expression, read from left to right. Raises DataError where it is none."""
    stack: list[list[int]] = [[]]
    operators: list[int] = []
    for place, symbol in enumerate(symbols.tolist()):
        if symbol < MIN:
            stack[-1].append(symbol)
        elif symbol < CLOSE:
            operators.append(symbol)
            stack.append([])
        elif operators and stack[-1]:
            stack[-2].append(_applied(operators.pop(), stack.pop()))
        else:
            raise DataError(f"symbol {place + 1} closes a list that has no operator or no argument")
    if operators or len(stack[-1]) != 1:
        raise DataError("it is not one expression: a list is not closed, or something follows")
    return stack[-1][0]


def _applied(operator: int, arguments: list[int]) -> int:
    match operator:
        case 10:
            return min(arguments)
        case 11:
            return max(arguments)
        case 12:
            return int(np.median(arguments))
        case _:
            return sum(arguments) % 10
