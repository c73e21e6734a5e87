"""An xLSTM that reads prompts and writes on a CPU, in every dtype, beside transformers and the speed of the memory.

A step reads every weight but the embedding's, and reads and writes the state: at the rate at which this machine reads
memory that takes a certain time, and no way of decoding one row takes less.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from seqlab.bench import Options, Row
from seqlab.bench.shared.agreement import difference
from seqlab.bench.shared.timing import Timing, alternate, ratio
from seqlab.bench.shared.xlstm import PEER, Peer, Sizes, models
from seqlab.generation.generate import generate
from seqlab.generation.quantisation import quantised, weight_bytes
from seqlab.generation.sampling import Sampling
from seqlab.generation.steps import Steps
from seqlab.kernels.matrix_vector import matrix_vector
from seqlab.models.lm import LanguageModel
from seqlab.nn.narrow import convert

__all__ = ["measure"]

QUICK = Sizes(blocks=1, dim=128, vocabulary=64, prompt=20, others=(19, 70), written=3, steps=2, streams=2)
TOLERANCE = 1e-3
"""The largest difference of logits from transformers', as a share of the largest."""
READ_BYTES = 2**28
"""What is read to know how fast memory is: far more than the caches hold."""
ROW = 512
"""Numbers of a row of it. Torch adds all of it up; our product of a matrix and a vector reads it in several streams."""
FASTER = {"prefill": 2.5, "decode": 3.0, "generate": 3.5}
"""How many times as fast as transformers."""
NARROWER = {"bfloat16": 1.7, "int8": 3.5, "int4": None}
"""How many times as fast as our own float32 a step is to be."""

Calls = dict[str, Callable[[], object]]


@torch.inference_mode()
def measure(options: Options) -> list[Row]:
    """Batch 1 and float32 unless a row says otherwise. `x faster` rows are taken pair by pair."""
    sizes = QUICK if options.quick else Sizes()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        ours, peer = models(sizes)
        prompt = torch.randint(sizes.vocabulary, (1, max(sizes.prompt, *sizes.others)))
    if peer is not None:
        _must_agree(ours, peer, prompt[:, : sizes.prompt])
    rounds = 1 if options.quick else 7
    rows = _decoding(ours, peer, sizes, rounds) + _reading(ours, peer, prompt, sizes, rounds)
    return rows + _whole(ours, peer, prompt[:, :8], sizes, rounds)


def _must_agree(ours: LanguageModel, peer: Peer, tokens: Tensor) -> None:
    error = difference(ours.prefill(tokens)[0], peer.prefill(tokens)[0])
    if error > TOLERANCE:
        raise ArithmeticError(f"the logits differ from those of {PEER} by {error:.2g} of the largest entry")


def _decoding(ours: LanguageModel, peer: Peer | None, sizes: Sizes, rounds: int) -> list[Row]:
    contenders = {"float32": ours} | {dtype: _in(dtype, ours) for dtype in NARROWER}
    calls: Calls = {dtype: _steps(model, 1, sizes) for dtype, model in contenders.items()}
    calls["streams"] = _steps(ours, sizes.streams, sizes)
    if peer is not None:
        calls[PEER] = _peer_steps(peer, sizes)
    memory = torch.ones(READ_BYTES // (4 if rounds > 1 else 4096)).view(-1, ROW)
    readers: Calls = {"sum": memory.sum, "product": partial(matrix_vector, torch.ones(1, ROW), memory)}
    times = alternate(calls | readers, rounds=rounds, warm_up=1)
    rates = {reader: memory.nbytes / times[reader].minimum for reader in readers}
    limit = max(rates.values())
    told = {f"GB/s of a {reader} at best": rate / 1e9 for reader, rate in rates.items()}
    rows = [times[max(rates, key=rates.__getitem__)].row("read memory", "ms", scale=1e3, also=told)]
    for dtype, model in contenders.items():
        rows.append(_step_row(dtype, model, times[dtype], limit, sizes))
    rows += [
        _faster(f"decode {dtype}", times[dtype], times["float32"], "our float32", wanted)
        for dtype, wanted in NARROWER.items()
    ]
    alone = Timing(tuple(sizes.streams * sample for sample in times["float32"].samples))
    what = f"decode {sizes.streams} rows together"
    rows.append(_faster(what, times["streams"], alone, "one after the other", 4.0))
    return rows + _beside(times, "decode", times["float32"])


def _step_row(dtype: str, model: LanguageModel, timing: Timing, limit: float, sizes: Sizes) -> Row:
    touched = weight_bytes(model) - model.embedding.weight.nbytes + 2 * model.state_bytes(1, 1)
    least = touched / limit
    also = {
        "tokens/s": sizes.steps / timing.median,
        "tokens/s at best": sizes.steps / timing.minimum,
        "tokens/s at the limit": 1 / least,
        "% of the limit": 100 * least * sizes.steps / timing.minimum,
    }
    target = 1e3 * least / 0.75 if dtype == "float32" else None
    return timing.row(f"decode {dtype}", "ms a step", scale=1e3 / sizes.steps, target=target, also=also)


def _reading(ours: LanguageModel, peer: Peer | None, prompt: Tensor, sizes: Sizes, rounds: int) -> list[Row]:
    calls: Calls = {"prefill": partial(ours.prefill, prompt[:, : sizes.prompt])}
    calls |= {str(length): partial(ours.prefill, prompt[:, :length]) for length in sizes.others}
    if peer is not None:
        calls[PEER] = partial(peer.prefill, prompt[:, : sizes.prompt])
    times = alternate(calls, rounds=min(rounds, 5), warm_up=1)
    speed = {"tokens/s": sizes.prompt / times["prefill"].median}
    rows = [times["prefill"].row(f"prefill {sizes.prompt}", "ms", scale=1e3, also=speed)]
    for length in sizes.others:
        share = ratio(times[str(length)], times["prefill"])
        scale = sizes.prompt / length
        what, unit = f"a symbol of a prompt of {length}", f"of one of {sizes.prompt}"
        also = {"tokens/s": length / times[str(length)].median}
        rows.append(share.row(what, unit, scale=scale, target=1.05, also=also))
    return rows + _beside(times, "prefill", times["prefill"])


def _whole(ours: LanguageModel, peer: Peer | None, prompt: Tensor, sizes: Sizes, rounds: int) -> list[Row]:
    greedy, ids = Sampling(temperature=0), prompt[0].tolist()
    calls: Calls = {"generate": lambda: list(generate(ours, ids, sizes.written, greedy))}
    if peer is not None:
        calls[PEER] = lambda: peer.generate(prompt, sizes.written)
    times = alternate(calls, rounds=min(rounds, 5), warm_up=1)
    what = f"generate {sizes.written} behind {len(ids)}"
    also = {"tokens/s": sizes.written / times["generate"].median}
    rows = [times["generate"].row(what, "ms", scale=1e3, also=also)]
    return rows + _beside(times, "generate", times["generate"])


def _beside(times: Mapping[str, Timing], what: str, ours: Timing) -> list[Row]:
    """The row against transformers, where it took part."""
    return [_faster(what, ours, times[PEER], PEER, FASTER[what])] if PEER in times else []


def _faster(what: str, ours: Timing, peer: Timing, against: str, wanted: float | None) -> Row:
    compared: dict[str, Any] = {"ratio": ratio(ours, peer).median, "peer": against}
    return ratio(peer, ours).row(what, "x faster", target=wanted, more_is_better=True, **compared)


def _in(dtype: str, model: LanguageModel) -> LanguageModel:
    """A copy of the model in that dtype."""
    copied = copy.deepcopy(model)
    if dtype == "bfloat16":
        convert(copied, torch.bfloat16)
        return copied
    return quantised(copied, "int8" if dtype == "int8" else "int4")


def _steps(model: LanguageModel, rows: int, sizes: Sizes) -> Callable[[], object]:
    """Greedy steps from the state that the last call left."""
    logits, state = model.prefill(torch.zeros(rows, 2, dtype=torch.int64))
    steps = Steps(model, state)

    def call() -> None:
        symbols = logits.argmax(-1)
        for _ in range(sizes.steps):
            symbols = steps.step(symbols).argmax(-1)

    return call


def _peer_steps(peer: Peer, sizes: Sizes) -> Callable[[], object]:
    logits, cache = peer.prefill(torch.zeros(1, 2, dtype=torch.int64))

    def call() -> None:
        symbols = logits.argmax(-1)
        for _ in range(sizes.steps):
            symbols = peer.step(symbols, cache).argmax(-1)

    return call
