"""Mixers beside causal attention over many lengths, forward and backward apart, and where each overtakes it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from seqlab.bench import Options, Row
from seqlab.bench.shared.beside import PEER, Pass, Place, beside_attention
from seqlab.bench.shared.machine import Precision
from seqlab.spec import SpecError, did_you_mean, names
from seqlab.train.precision import choose_device, fast_bfloat16

__all__ = ["PRESETS", "measure"]

PASSES: tuple[Pass, ...] = ("forward", "backward")
QUICK_DIM, QUICK_HEADS, QUICK_LENGTHS = 16, 4, (32, 64)
LONG = 16_384
"""The length from which mixers come one after the other and three samples are taken, not seven in turns."""


@dataclass(frozen=True)
class Preset:
    """Sizes that belong together."""

    dim: int
    heads: int
    lengths: tuple[int, ...]
    half: bool
    """In half precision, where the device multiplies it natively."""
    longest_ms: float
    """A mixer that takes longer, as its growth tells beforehand, is left out at that length."""


PRESETS = {
    "cpu": Preset(256, 4, tuple(2**power for power in range(10, 17)), half=False, longest_ms=2e4),
    "notebook": Preset(768, 12, tuple(2**power for power in range(11, 18)), half=True, longest_ms=6e4),
}
"""notebook: width, heads, lengths and dtype of benchmarks/runtime_hyena_flashmha.py (HazyResearch/safari)."""


def measure(options: Options) -> list[Row]:
    """Batch 1; the backward pass has its graph kept, and reaches the input and every parameter. Then, for each mixer
    and pass, the length at which it takes as long as attention, on a line between the lengths beside it, both in
    logarithms."""
    for name in options.only:
        if name not in names("mixers"):
            raise SpecError(f"there is no mixer `{name}`; {did_you_mean(name, names('mixers'))}")
    preset = PRESETS[options.preset]
    mixers = sorted({*(options.only or names("mixers")), PEER})
    lengths = QUICK_LENGTHS if options.quick else options.lengths or preset.lengths
    rows = [row for kind in PASSES for row in _over_lengths(mixers, sorted(lengths), kind, preset, options.quick)]
    return rows + [row for kind in PASSES for mixer in mixers for row in _crossings(rows, mixer, kind)]


def _over_lengths(
    mixers: Sequence[str], lengths: Sequence[int], kind: Pass, preset: Preset, quick: bool
) -> Iterator[Row]:
    half = preset.half and fast_bfloat16(choose_device("auto"))
    precision: Precision = "bfloat16" if half else "float32"
    known: dict[str, list[Row]] = {mixer: [] for mixer in mixers}
    for length in lengths:
        place = Place(
            dim=QUICK_DIM if quick else preset.dim,
            heads=QUICK_HEADS if quick else preset.heads,
            length=length,
            precision=precision,
            kind=kind,
            rounds=3 if length >= LONG else 7,
            in_turns=length < LONG,
        )
        expected = {mixer: _expected(rows, length) for mixer, rows in known.items()}
        for mixer in (mixer for mixer in mixers if expected[mixer] > preset.longest_ms):
            told = TimeoutError(f"left out: it would take about {expected[mixer] / 1e3:.0f} s a call")
            yield Row.failed(f"{mixer} {length} {precision} {kind}", told, labels=place.labels(mixer))
        for row in beside_attention([m for m in mixers if expected[m] <= preset.longest_ms], place, quick):
            known[str(row.labels["mixer"])].append(row)
            yield row


def _expected(rows: Sequence[Row], length: int) -> float:
    """Milliseconds at a length, as the last two lengths tell; 0 where they tell nothing."""
    good = [row for row in rows if not row.error]
    if not good:
        return 0.0
    last, power = good[-1], 1.0
    if len(good) > 1:
        before = good[-2]
        power = math.log(last.value / before.value) / math.log(_length(last) / _length(before))
    grown: float = (length / _length(last)) ** max(power, 1.0)
    return last.value * grown


def _crossings(rows: Sequence[Row], mixer: str, kind: Pass) -> Iterator[Row]:
    """Where a mixer overtakes attention, or attention it, along growing lengths."""
    own = [
        row
        for row in rows
        if (row.labels["mixer"], row.labels["pass"]) == (mixer, kind) and row.ratio is not None and mixer != PEER
    ]
    for shorter, longer in pairwise(own):
        a, b = (math.log(row.ratio or math.nan) for row in (shorter, longer))
        if (a > 0) == (b > 0):
            continue
        place = _length(shorter) * (_length(longer) / _length(shorter)) ** (a / (a - b))
        yield Row(
            what=f"{mixer} {'overtakes' if b <= 0 else 'falls behind'} attention, {kind}",
            value=place,
            unit="positions",
            labels={"crossing": mixer, "dtype": str(shorter.labels["dtype"]), "pass": kind},
        )


def _length(row: Row) -> int:
    return int(row.labels["length"])
