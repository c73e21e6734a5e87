"""Every mixer beside causal attention, forward and backward; then duels of the fast ways with the plain ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch

from seqlab.bench import Options, Row, duels
from seqlab.bench.shared.machine import Precision, dtypes
from seqlab.bench.shared.memory import peak_bytes
from seqlab.bench.shared.passes import Call, forward, forward_backward
from seqlab.bench.shared.products import best_rate
from seqlab.bench.shared.timing import alternate, ratio
from seqlab.mixers import SequenceMixer
from seqlab.spec import SpecError, did_you_mean, find, names
from seqlab.train.precision import choose_device
from seqlab.train.weights import Weights

__all__ = ["measure"]

DIM, QUICK_DIM = 256, 16
LENGTHS, QUICK_LENGTH = (1024, 4096), 32
PEER = "attention"
PASSES = {"forward": 1.0, "forward+backward": 3.0}
"""Operations of each, in those of a forward pass."""


def measure(options: Options) -> list[Row]:
    """One row (batch 1) through every mixer with its default spec, built for that very length; the gradient reaches
    the input and every parameter, as in the middle of a model. `% of GEMM`: the operations that the mixer counts,
    three times those of the forward pass where the backward pass is included, over the rate of the best product.
    What fails is a row that says why, and the others go on."""
    mixers, fought = _chosen(options.only)
    rows: list[Row] = []
    for length in ((QUICK_LENGTH,) if options.quick else options.lengths or LENGTHS) if mixers else ():
        for precision in dtypes():
            for kind in PASSES:
                rows += _beside_attention(mixers, length, precision, kind, options.quick)
    return rows + [row for duel in fought for row in duels.fight(duel, options)]


def _chosen(only: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The mixers, the peer among them where there is any, and the duels."""
    mixers, fought = names("mixers"), duels.names()
    for name in only:
        if name not in mixers + fought:
            raise SpecError(f"`{name}` is neither a mixer nor a duel; {did_you_mean(name, sorted({*mixers, *fought}))}")
    wanted = [name for name in mixers if name in only or not only]
    return sorted({*wanted, PEER}) if wanted else [], [name for name in fought if name in only or not only]


def _beside_attention(
    mixers: list[str], length: int, precision: Precision, kind: str, quick: bool
) -> Iterator[Row]:  # fmt: skip
    dtype, device = dtypes()[precision], choose_device("auto")
    subjects: dict[str, Subject] = {}
    for mixer in mixers:
        try:
            subjects[mixer] = _subject(mixer, QUICK_DIM if quick else DIM, length, dtype, kind)
        except Exception as error:
            labels = _labels(mixer, length, precision, kind)
            yield Row.failed(_told(labels), error, labels=labels)
    calls = {mixer: subject.call for mixer, subject in subjects.items()}
    times = alternate(calls, rounds=1 if quick else 7, warm_up=1 if quick else 2)
    for mixer, timing in times.items():
        labels = _labels(mixer, length, precision, kind)
        reached = 100 * subjects[mixer].operations / timing.median / best_rate(device, dtype, quick)
        also = {"tokens/s": length / timing.median, "% of GEMM": reached}
        also["peak MB"] = peak_bytes(calls[mixer], device) / 1e6
        compared = {"ratio": ratio(timing, times[PEER]).median, "peer": PEER} if PEER in times else {}
        yield timing.row(_told(labels), "ms", scale=1e3, also=also, labels=labels, **compared)


@dataclass(frozen=True)
class Subject:
    """A mixer's pass, and the operations that it counts."""

    call: Call
    operations: float


def _subject(name: str, dim: int, length: int, dtype: torch.dtype, kind: str) -> Subject:
    """Ready to be timed; it has run once, so that what cannot run is known."""
    module = _built(name, dim, length, dtype)
    x = torch.randn(1, length, dim).to(next(module.parameters()).device, dtype)
    call = forward(module, x) if kind == "forward" else forward_backward(module, x, parameters=[*module.parameters()])
    call()
    return Subject(call, PASSES[kind] * module.flops(length))


def _built(name: str, dim: int, length: int, dtype: torch.dtype) -> SequenceMixer:
    """The mixer's module as training has it: float32 where it keeps that, else the dtype."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = find("mixers", name)().build(dim=dim, length=length)  # type: ignore[attr-defined]
    worker = Weights(module.to(choose_device("auto")), dtype).worker
    assert isinstance(worker, SequenceMixer)
    return worker


def _labels(mixer: str, length: int, precision: str, kind: str) -> dict[str, str | int]:
    return {"mixer": mixer, "length": length, "dtype": precision, "pass": kind}


def _told(labels: Mapping[str, str | int]) -> str:
    return " ".join(map(str, labels.values()))
