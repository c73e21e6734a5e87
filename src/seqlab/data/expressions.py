"""ListOps as three splits: made ones, kept in the cache block by block, or the official files.

Made expressions are drawn in blocks, each from a random stream of its own and with a file of its own in the cache, so
that a run that was cut off goes on where it was. What occurred before is left out, so splits share no expression.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqlab.data import DataError, listops, progress
from seqlab.data.blocks import Arrays, kept
from seqlab.data.duplicates import apart, unseen
from seqlab.data.ragged import Ragged
from seqlab.data.streams import numpy_stream
from seqlab.data.tables import check_count, read_table, whole_number

__all__ = ["COUNTS", "FILES", "Expressions", "made", "official", "without_duplicates"]

DRAWN_AS = 1
"""Goes up when the generator changes, so that no block of an older one is taken."""
FORESTS = 16
"""Forests of a block: about a second's work."""
FRUITLESS = 20
"""Blocks without a new expression after which there are no more."""
FILES = {"train": "basic_train.tsv", "val": "basic_val.tsv", "test": "basic_test.tsv"}
COUNTS = {"train": 96_000, "val": 2_000, "test": 2_000}
"""Rows of the official files (google-research/long-range-arena, lra_release)."""
HEADER = ("Source", "Target")

_SYMBOLS = {word: symbol for symbol, word in enumerate(listops.WORDS)}


@dataclass(frozen=True)
class Expressions:
    """Rows of symbols (listops.WORDS), and what each comes to: (N,) int64 from 0 to 9."""

    rows: Ragged
    values: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.values)

    def taken(self, places: NDArray[np.int64]) -> Expressions:
        """Those at these places."""
        return Expressions(self.rows.taken(places), self.values[places])


def made(seed: int, shortest: int, longest: int, counts: dict[str, int]) -> dict[str, Expressions]:
    """The splits, held-out ones first, so that these stay what they are when there is more to train on.

    Raises DataError where so many different expressions of that length do not turn up.
    """
    wanted = sum(counts.values())
    new = _new_ones(seed, shortest, longest, wanted)
    parts = list(progress.told("making ListOps expressions", new, len, wanted))
    whole = Expressions(Ragged.joined([part.rows for part in parts]), np.concatenate([part.values for part in parts]))
    splits, begin = {}, 0
    for split in ("test", "val", "train"):
        splits[split] = whole.taken(np.arange(begin, begin + counts[split]))
        begin += counts[split]
    return splits


def _new_ones(seed: int, shortest: int, longest: int, wanted: int) -> Iterator[Expressions]:
    """Of each block what did not occur before, until there are as many as wanted."""
    seen: set[bytes] = set()
    number = last_fruit = 0
    while len(seen) < wanted:
        block = _block(seed, shortest, longest, number)
        new = unseen(block.rows.contents(), seen)
        last_fruit = number if len(new) else last_fruit
        if number - last_fruit == FRUITLESS:
            raise DataError(
                f"only {len(seen):,} different expressions of {shortest} to {longest} symbols turned up and {wanted:,} "
                "are asked for; ask for fewer, or allow longer ones (`task.longest`)"
            )
        yield block.taken(new)
        number += 1


def _block(seed: int, shortest: int, longest: int, number: int) -> Expressions:
    """The block of that number, out of the cache where it is there."""
    name = f"{DRAWN_AS}-{shortest}-{longest}/{seed}-{number}"
    held = kept("listops", name, lambda: _drawn(seed, shortest, longest, number))
    return Expressions(Ragged(held["symbols"], held["lengths"]), held["values"])


def _drawn(seed: int, shortest: int, longest: int, number: int) -> Arrays:
    random = numpy_stream(seed, "listops", number)
    forests = [listops.draw(random, shortest, longest) for _ in range(FORESTS)]
    rows = Ragged.joined([rows for rows, _ in forests])
    values = np.concatenate([values for _, values in forests])
    return {"symbols": rows.symbols, "lengths": rows.lengths, "values": values}


def official(folder: str, *, counted: bool) -> dict[str, Expressions]:
    """The splits of a folder of official files (FILES), as they are: a header, then an expression and its value.

    Expressions stand there with brackets of their own around each pair, which mean nothing and are left out. Raises
    DataError, with the line, for a row that is none, and where `counted` for a file of another number of rows.
    """
    return {split: _read(Path(folder).expanduser() / file, split, counted) for split, file in FILES.items()}


def _read(path: Path, split: str, counted: bool) -> Expressions:
    rows: list[NDArray[np.uint8]] = []
    values: list[int] = []
    for line, (source, target) in read_table(path, HEADER, header=True):
        words = source.replace("(", " ").replace(")", " ").split()
        unknown = next((word for word in words if word not in _SYMBOLS), None)
        if unknown is not None or not words:
            told = "the expression is empty" if unknown is None else f"{unknown!r} is no word of ListOps"
            raise DataError(f"{path}, line {line}: {told} ({' '.join(listops.WORDS)})")
        rows.append(np.array([_SYMBOLS[word] for word in words], np.uint8))
        values.append(whole_number(target, 10, path, line))
    check_count(path, len(rows), COUNTS[split] if counted else None)
    return Expressions(Ragged.of(rows), np.array(values, np.int64))


def without_duplicates(splits: dict[str, Expressions]) -> dict[str, Expressions]:
    """The splits without training rows that are held out, and without validation rows that the test has."""
    places = apart({split: part.rows.contents() for split, part in splits.items()})
    return {split: part.taken(places[split]) for split, part in splits.items()}
