"""Mixers beside causal attention, all at one length in one dtype, taking turns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from seqlab.bench import Row
from seqlab.bench.shared.machine import Precision, dtypes
from seqlab.bench.shared.memory import peak_bytes
from seqlab.bench.shared.passes import Call, backward, forward, forward_backward
from seqlab.bench.shared.products import best_rate
from seqlab.bench.shared.timing import Timing, alternate, ratio
from seqlab.mixers import Mixer, SequenceMixer
from seqlab.spec import find, override
from seqlab.train.precision import choose_device
from seqlab.train.weights import Weights

__all__ = ["PEER", "Pass", "Place", "beside_attention"]

Pass = Literal["forward", "backward", "forward+backward"]

PEER = "attention"
PASSES = {"forward": 1.0, "backward": 2.0, "forward+backward": 3.0}
"""Operations of each, in those of a forward pass."""
CALLS = {"backward": backward, "forward+backward": forward_backward}


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where mixers meet: batch 1, every mixer with its default spec but for the heads."""

    dim: int
    length: int
    precision: Precision
    kind: Pass
    heads: int | None = None
    """Of every mixer that has a number of heads; none: its own."""
    rounds: int = 7
    """Samples of each."""
    in_turns: bool = True
    """Whether all take turns; else one comes after the other, attention first, so that only one holds memory."""

    def labels(self, mixer: str) -> dict[str, str | int]:
        """What tells a row, in parts that a program can read."""
        return {"mixer": mixer, "length": self.length, "dtype": self.precision, "pass": self.kind}


def beside_attention(mixers: Sequence[str], place: Place, quick: bool) -> Iterator[Row]:
    """A row for each mixer, attention's among them; one that fails is a row that says why."""
    alone = sorted(mixers, key=lambda mixer: mixer != PEER)
    peer: Timing | None = None
    for group in [list(mixers)] if place.in_turns else [[mixer] for mixer in alone]:
        subjects: dict[str, Subject] = {}
        for mixer in group:
            try:
                subjects[mixer] = _subject(mixer, place)
            except Exception as error:
                labels = place.labels(mixer)
                yield Row.failed(_told(labels), error, labels=labels)
        calls = {mixer: subject.call for mixer, subject in subjects.items()}
        times = alternate(calls, rounds=1 if quick else place.rounds, warm_up=1 if quick else 2)
        peer = times.get(PEER, peer)
        for mixer, timing in times.items():
            yield _row(mixer, timing, subjects[mixer], peer, place, quick)


def _row(mixer: str, timing: Timing, subject: Subject, peer: Timing | None, place: Place, quick: bool) -> Row:
    device, labels = choose_device("auto"), place.labels(mixer)
    rate = best_rate(device, dtypes()[place.precision], quick)
    also = {
        "tokens/s": place.length / timing.median,
        "% of GEMM": 100 * subject.operations / timing.median / rate,
        "peak MB": peak_bytes(subject.call, device) / 1e6,
    }
    compared = {"ratio": ratio(timing, peer).median, "peer": PEER} if peer is not None else {}
    return timing.row(_told(labels), "ms", scale=1e3, also=also, labels=labels, **compared)


@dataclass(frozen=True)
class Subject:
    """A mixer's pass, and the operations that it counts."""

    call: Call
    operations: float


def _subject(name: str, place: Place) -> Subject:
    """Ready to be timed; it has run once, so that what cannot run is known."""
    module = _built(name, place)
    weight = next(module.parameters())
    x = torch.randn(1, place.length, place.dim).to(weight.device, dtypes()[place.precision])
    if place.kind == "forward":
        call = forward(module, x)
    else:
        call = CALLS[place.kind](module, x, parameters=[*module.parameters()])
    call()
    return Subject(call, PASSES[place.kind] * module.flops(place.length))


def _built(name: str, place: Place) -> SequenceMixer:
    """The mixer's module as training has it: float32 where it keeps that, else the dtype."""
    spec = find("mixers", name)()
    assert isinstance(spec, Mixer)
    if place.heads is not None and isinstance(getattr(spec, "heads", None), int):
        spec = override(spec, {"heads": place.heads})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = spec.build(dim=place.dim, length=place.length)
    worker = Weights(module.to(choose_device("auto")), dtypes()[place.precision]).worker
    assert isinstance(worker, SequenceMixer)
    return worker


def _told(labels: Mapping[str, str | int]) -> str:
    return " ".join(map(str, labels.values()))
