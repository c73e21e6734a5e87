"""Hyena token by token beside recomputing the prefix for each token, and how a token's cost grows."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from seqlab.bench import Options, Row
from seqlab.bench.duels import Contest, lengths
from seqlab.bench.shared.passes import Call
from seqlab.bench.shared.timing import alternate
from seqlab.mixers import SequenceMixer
from seqlab.mixers.hyena import Hyena

__all__ = ["contests"]

DIM = 256
PREFIXES = 8
"""At how many lengths the peer is timed: the middles of as many equal parts of the whole."""
COMPARED = 256
"""Positions at which the outputs of both are compared."""


def contests(options: Options) -> Iterator[Contest | Row]:
    """One row of a default Hyena, from the first token on."""
    for length in lengths(options, 8192):
        torch.manual_seed(0)
        mixer, x = Hyena().build(dim=DIM, length=length).eval(), torch.randn(1, length, DIM)
        prefixes = [length * (2 * part + 1) // (2 * PREFIXES) for part in range(PREFIXES)]
        yield Contest(
            what=f"hyena generates {length} tokens float32",
            ours=_steps(mixer, x),
            peer=_prefixes(mixer, x, prefixes),
            compared=(_steps(mixer, x[:, :COMPARED]), _prefixes(mixer, x, [min(COMPARED, length)])),
            peer_times=length / PREFIXES,
            against="recomputing the prefix each token",
            tolerance=1e-5,
            faster=50.0,
            rounds=3,
            note=f"the peer's time is estimated: {length} times the mean of {PREFIXES} prefixes, evenly spread",
        )
        yield from _growth(mixer, x, options.quick)


def _growth(mixer: SequenceMixer, x: Tensor, quick: bool) -> Iterator[Row]:
    """The mean cost of a token up to several lengths, each wanted below the shortest's times the growth of log^2."""
    marks = [x.shape[1] >> halvings for halvings in (3, 2, 1, 0)]
    calls = {mark: _steps(mixer, x[:, :mark]) for mark in marks}
    times = alternate(calls, rounds=1 if quick else 5, warm_up=1)
    least = times[marks[0]].median / marks[0]
    for mark in marks:
        growth = (math.log2(mark) / math.log2(marks[0])) ** 2
        yield times[mark].row(
            f"hyena, mean of the first {mark} tokens",
            "us a token",
            scale=1e6 / mark,
            target=None if mark == marks[0] else 1e6 * least * growth,
            labels={"duel": "generation", "length": mark, "measure": "time"},
            note="" if mark == marks[0] else f"log^2 grew {growth:.2f} times since the first {marks[0]}",
        )


def _steps(mixer: SequenceMixer, x: Tensor) -> Call:
    def call() -> tuple[Tensor]:
        state, outputs = mixer.init_state(len(x)), []
        with torch.no_grad():
            for x_t in x.unbind(1):
                y_t, state = mixer.step(x_t, state)
                outputs.append(y_t)
        return (torch.stack(outputs, dim=1),)

    return call


def _prefixes(mixer: SequenceMixer, x: Tensor, prefixes: list[int]) -> Call:
    """The outputs of the last prefix; each is computed as a whole, as the next token of that prefix needs it."""

    def call() -> tuple[Tensor]:
        with torch.no_grad():
            for prefix in prefixes:
                y = mixer(x[:, :prefix])
        return (y,)

    return call
