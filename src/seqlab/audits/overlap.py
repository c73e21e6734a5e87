"""Is the held-out data held out? Text that stands in the training part too is remembered, not predicted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, TypeGuard

import numpy as np
from numpy.typing import NDArray

from seqlab.audits import Audit, Finding, failed, not_applicable, passed, warned
from seqlab.audits.shared.splits import evaluated_rows, training_rows
from seqlab.audits.shared.subject import Subject
from seqlab.audits.shared.windows import find, window_hashes
from seqlab.spec import Field

__all__ = ["Overlap"]

Array = NDArray[Any]

MOST_NUMBERS = 4_000_000
"""Of training batches, looked through where the task does not show its splits."""
SAMPLES = 2000
"""Windows that are looked up; ten times as many rows."""
SPREAD_BATCHES = 16
"""Batches, over an epoch, that are compared with what the task says is its training part."""
COMMON = 4
"""A stretch that occurs more often than that in one epoch of training is a habit of the text."""
SHORTEST = 16
"""Symbols of a stretch; of shorter rows, whole ones are compared."""
MANY = 0.3
"""Share of a held-out part, however short, that does not meet by chance."""
TELLING = 32
"""Shorter windows also meet by chance, so they tell something only where most of them are found."""


@dataclass(frozen=True)
class _Shares:
    """What was looked up: windows of a text or whole rows."""

    held_out: float
    """Share of the held-out ones that occur in training."""
    itself: float
    """Share of the training ones that occur elsewhere in training."""
    habit: float
    """Share of the training ones that occur again and again."""
    looked_up: int
    found: int
    """Held-out symbols, or rows, that this stands for."""
    length: int
    """Symbols of a window; 0 for rows."""
    covered: float = 1.0
    """Share of the training data that was looked through."""

    @property
    def beyond(self) -> float:
        return self.held_out / self.covered - self.itself

    def sentence(self, split: str) -> str:
        what = f"stretches of {self.length} symbols" if self.length else "rows"
        some = "" if self.covered == 1 else f" ({self.covered:.0%} of it was looked through)"
        told = f"{self.held_out:.1%} of the {split} {what} occur in the training data{some}"
        return f"{told}, which repeats {self.itself:.1%} of itself"


class Overlap(Audit):
    """What is evaluated occurs in the training data no more often than the training data repeats itself.

    Of a text, stretches of the held-out part are looked up anywhere in the training part, and stretches of late
    training text in earlier text; of other examples, and of rows with one answer each, whole rows. Neither the rows
    that are evaluated nor training batches may come from the other part, whatever the splits say.
    """

    depends_on: ClassVar[tuple[str, ...]] = ("task", "model", "batch", "seed")
    is_of_structure: ClassVar[bool] = True

    window: int = Field(default=64, ge=8)
    """Symbols of a stretch that is looked up; fewer where the held-out text or its rows are short."""
    limit: float = Field(default=0.1, gt=0, lt=1)
    """Share that may be found beyond what training repeats of itself."""
    noticed: float = Field(default=0.03, gt=0, lt=1)
    """The same, from where on it is told."""
    stray: float = Field(default=0.01, gt=0, lt=1)
    """Share of evaluated or trained text that may stand in the other part and not in its own."""

    def examine(self, subject: Subject) -> Finding:
        if subject.task.by_heart:
            return not_applicable("the task asks for what is trained on, to be said by heart")
        found = list(self._findings(subject))
        if not found:
            return not_applicable("the task shows neither its splits nor batches that look like its held-out inputs")
        return max(found, key=lambda finding: ("pass", "warn", "fail").index(finding.status))

    def _findings(self, subject: Subject) -> Iterator[Finding]:
        task = subject.task
        train = task.examples("train")
        for split in task.splits():
            held_out = task.examples(split)
            if _is_stream(train) and _is_stream(held_out):
                yield from self._strays(subject, split, train, held_out)
                yield self._judged(split, self._of_streams(train, held_out), bool(task.fingerprints))
            else:
                shares = self._of_rows(subject, split, train, held_out)
                if shares is not None:
                    yield self._judged(split, shares, bool(task.fingerprints))

    def _judged(self, split: str, shares: _Shares, is_natural: bool) -> Finding:
        """is_natural: the data comes from files; rows that are generated meet by chance."""
        told, beyond = shares.sentence(split), shares.beyond
        measured = {"beyond": beyond, "limit": self.limit, "held_out": shares.held_out, "itself": shares.itself}
        measured |= {"looked_up": shares.looked_up, "looked_through": shares.covered}
        telling = shares.length == 0 or shares.length >= TELLING
        if shares.held_out - shares.habit > 0.5 * shares.covered and beyond <= self.limit:
            return failed(f"{told}: the text holds everything twice or so; cut the copies.", **measured)
        if beyond > self.limit and (shares.held_out > MANY * shares.covered or (telling and shares.found >= 1000)):
            return failed(f"{told}: the splits overlap, so remembering passes for predicting.", **measured)
        duplicates = is_natural and shares.length == 0 and shares.held_out > 0 and shares.itself < 0.01
        if duplicates or (beyond > self.noticed and telling and shares.found >= 200):
            count = f"{round(shares.held_out * shares.looked_up)} of {shares.looked_up}"
            return warned(f"{told} ({count}); drop these duplicates from one side.", **measured)
        return passed(told, **measured)

    def _of_streams(self, train: Array, held_out: Array) -> _Shares:
        """Stretches of the held-out stream in the training stream, and those of its last tenth in what comes before."""
        length = min(self.window, max(8, len(held_out) // 4))
        late = len(train) - max(length, len(train) // 10)
        wanted, own = _windows(held_out[None], length), _windows(train[None, late:], length)
        found = find(np.concatenate([wanted, own]), train, length)
        hits = float((found.times[: len(wanted)] > 0).mean())
        first = found.first[len(wanted) :]
        itself = float(((first >= 0) & (first + length <= late)).mean())
        habit = float((found.times[len(wanted) :] > COMMON).mean())
        return _Shares(hits, itself, habit, len(wanted), round(hits * len(held_out)), length)

    def _of_rows(self, subject: Subject, split: str, train: Array | None, held_out: Array | None) -> _Shares | None:
        """The same of what batches and evaluations show, or of examples that are rows."""
        covered = 1.0
        if train is None:
            sampled = training_rows(subject, MOST_NUMBERS)
            if sampled is None:
                return None
            train, covered = sampled
        if held_out is None:
            held_out = evaluated_rows(subject, split)
        if held_out is None or held_out.dtype != train.dtype:
            return None
        length = min(self.window, held_out.shape[-1] // 2, train.shape[-1] // 2)
        of_text = np.issubdtype(train.dtype, np.integer) and held_out.ndim == train.ndim == 2
        if of_text and length >= SHORTEST and subject.task.signature.classes is None:
            return _windows_of_rows(train, held_out, length, covered)
        return _same_rows(train, held_out, covered) if held_out.shape[1:] == train.shape[1:] else None

    def _strays(self, subject: Subject, split: str, train: Array, held_out: Array) -> Iterator[Finding]:
        """Text that is evaluated, or trained on, and stands in the other part alone."""
        evaluated, sampled = evaluated_rows(subject, split), training_rows(subject, MOST_NUMBERS, SPREAD_BATCHES)
        sides = [
            (evaluated, held_out, train, f"of the text that is evaluated as {split} stands in the training part"),
            (sampled and sampled[0], train, held_out, f"of the text in training batches stands in the {split} part"),
        ]
        for rows, own, other, told in sides:
            if rows is None or rows.ndim != 2 or rows.shape[1] < 8 or not np.issubdtype(rows.dtype, np.integer):
                continue
            length = min(self.window, rows.shape[1])
            windows = _windows(rows, length)
            missing = windows[find(windows, own, length).times == 0]
            share = float((find(missing, other, length).times > 0).sum()) / len(windows)
            if share > self.stray:
                yield failed(f"{share:.1%} {told} and not in its own.", stray=share, limit=self.stray)


def _is_stream(examples: Array | None) -> TypeGuard[Array]:
    return examples is not None and examples.ndim == 1 and np.issubdtype(examples.dtype, np.integer)


def _windows(rows: Array, length: int) -> NDArray[np.uint64]:
    """The hashes of up to SAMPLES windows within rows, evenly spread."""
    inside = rows.shape[1] - length + 1
    chosen = np.unique(np.linspace(0, len(rows) * inside - 1, SAMPLES).astype(np.int64))
    cut = rows[(chosen // inside)[:, None], (chosen % inside)[:, None] + np.arange(length)]
    return window_hashes(cut.reshape(-1), length)[::length]


def _windows_of_rows(train: Array, held_out: Array, length: int, covered: float) -> _Shares:
    """Stretches within rows. Training rows may overlap one another, so that only what occurs again and again is the
    training data's habit; and a stretch that is cut by the edge of a row is not found."""
    wanted, own = _windows(held_out, length), _windows(train, length)
    stream = train.reshape(-1)
    covered *= (train.shape[1] - length + 1) / train.shape[1]
    hits = float((find(wanted, stream, length).times > 0).mean())
    itself = float((find(own, stream, length).times > COMMON).mean())
    return _Shares(hits, itself, itself, len(wanted), round(hits * held_out.size), length, covered)


def _same_rows(train: Array, held_out: Array, covered: float) -> _Shares:
    """Held-out rows that are training rows, and training rows that are there twice."""
    chosen = np.unique(np.linspace(0, len(held_out) - 1, 10 * SAMPLES).astype(np.int64))
    times = Counter(row.tobytes() for row in np.ascontiguousarray(train))
    found = sum(row.tobytes() in times for row in np.ascontiguousarray(held_out[chosen]))
    itself = sum(count for count in times.values() if count > 1) / len(train)
    return _Shares(found / len(chosen), itself, itself, len(chosen), 20 * found, 0, covered)
