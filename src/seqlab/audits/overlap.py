"""Is held-out data in the training data? Then a score measures memory."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from seqlab.audits import Audit, Finding, failed, not_applicable, passed, warned
from seqlab.audits.shared.subject import Subject
from seqlab.spec import Field

__all__ = ["Overlap"]

Symbols = NDArray[np.generic]
SAMPLES = 512


class Overlap(Audit):
    """The share of held-out windows that stand in the training data, beside the share of training windows that stand
    there twice: a text that repeats itself is no leak.

    Windows are compared at every position of the training data, by hashes.
    """

    depends_on: ClassVar[tuple[str, ...]] = ("task",)
    window: int = Field(default=64, ge=8)
    """Symbols in a window; a shorter split has shorter ones, of 16 at least."""
    fails_above: float = Field(default=0.1, gt=0, le=1)
    """How much larger the share of held-out windows may be than that of training windows."""
    warns_above: float = Field(default=0.02, gt=0, le=1)
    """From here on it is told."""

    def examine(self, subject: Subject) -> Finding:
        train, held_out = (_stream(subject, split) for split in ("train", "val"))
        if train is None or held_out is None:
            return not_applicable("the task does not show its data")
        if train.ndim > 1:
            shared = _rows_in(held_out, train)
            repeated = 0.0
        else:
            window = min(self.window, len(held_out) // 4, len(train) // 8)
            if window < 16:
                return not_applicable("the data is too short to tell")
            known, edge = _hashes(train, window), len(train) - max(len(train) // 10, 2 * window)
            shared = _share_in(_hashes(held_out, window), known)
            repeated = _share_in(known[edge:], known[: edge - window + 1])
        measured = {"shared": shared, "limit": repeated + self.fails_above, "repeated_in_training": repeated}
        told = f"{shared:.1%} of the held-out {'examples' if train.ndim > 1 else 'windows'} stand in the training data"
        if shared > repeated + self.fails_above:
            return failed(
                f"{told}, where training data repeats itself at {repeated:.1%}: validation data is inside the training "
                "data, and its score measures memory.",
                **measured,
            )
        if shared > repeated + self.warns_above:
            return warned(f"{told}; training data repeats itself at {repeated:.1%}.", **measured)
        return passed("held-out data is not in the training data", **measured)


def _stream(subject: Subject, split: str) -> Symbols | None:
    """The split as the task shows it; else, of a task over symbols, what its batches and its held-out inputs hold."""
    shown = subject.task.examples(split)
    if shown is not None:
        return np.asarray(shown)
    return _seen(subject, split)


def _seen(subject: Subject, split: str, batches: int = 200) -> Symbols | None:
    """The rows of some training batches, or of the held-out inputs, one after the other."""
    task, spec = subject.task, subject.experiment
    if split == "val":
        tensors = [task.held_out_inputs(64)[0]]
    else:
        tensors = [next(iter(task.batch(spec.seed, step, spec.batch.size).tensors.values())) for step in range(batches)]
    if any(tensor.is_floating_point() or tensor.ndim != 2 for tensor in tensors):
        return None
    return np.concatenate([tensor.cpu().numpy().ravel() for tensor in tensors])


def _hashes(symbols: Symbols, window: int) -> NDArray[np.uint64]:
    """A 64-bit hash of the window at every position, by doubling: h_2k(i) = h_k(i) b^k + h_k(i + k)."""
    powers = [0x9E3779B97F4A7C15]
    while len(powers) < window.bit_length():
        powers.append(powers[-1] ** 2 % 2**64)
    doubled = symbols.astype(np.uint64) * np.uint64(0xD1342543DE82EF95) + np.uint64(1)
    found: NDArray[np.uint64] | None = None
    done = 0
    for bit, power in enumerate(powers):
        if window >> bit & 1:
            found = doubled if found is None else _joined(found, doubled, np.uint64(power), done)
            done += 1 << bit
        doubled = _joined(doubled, doubled, np.uint64(power), 1 << bit)
    assert found is not None
    return found[: len(symbols) - window + 1]


def _joined(first: NDArray[np.uint64], second: NDArray[np.uint64], power: np.uint64, apart: int) -> NDArray[np.uint64]:
    count = max(0, min(len(first), len(second) - apart))
    return first[:count] * power + second[apart : apart + count]


def _sampled(count: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, count - 1, min(SAMPLES, count)).astype(np.int64))


def _share_in(asked: NDArray[np.uint64], known: NDArray[np.uint64]) -> float:
    """The share of sampled hashes that are among the known ones."""
    sample = asked[_sampled(len(asked))]
    # By their first 16 bits nearly all of the millions are ruled out; comparing them all would take seconds.
    possible = np.zeros(1 << 16, dtype=bool)
    possible[sample >> np.uint64(48)] = True
    return float(np.isin(sample, known[possible[known >> np.uint64(48)]]).mean())


def _rows_in(held_out: Symbols, train: Symbols) -> float:
    known = {row.tobytes() for row in np.ascontiguousarray(train)}
    chosen = np.ascontiguousarray(held_out)[_sampled(len(held_out))]
    return float(np.mean([row.tobytes() in known for row in chosen]))
