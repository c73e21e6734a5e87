"""Every mixer beside causal attention: forward, and forward with backward, in float32 and bfloat16."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from seqlab.bench import Options, Row
from seqlab.bench.shared.machine import dtypes
from seqlab.bench.shared.memory import peak_bytes
from seqlab.bench.shared.products import best_rate
from seqlab.bench.shared.timing import Timing, alternate, ratio
from seqlab.mixers import SequenceMixer
from seqlab.spec import members
from seqlab.train.precision import choose_device
from seqlab.train.weights import Weights

__all__ = ["measure"]

DIM, QUICK_DIM, QUICK_LENGTH = 256, 16, 32
PEER = "attention"
PASSES = {"forward": 1.0, "forward+backward": 3.0}
"""Operations of each, in those of a forward pass."""

Call = Callable[[], object]


def measure(options: Options) -> list[Row]:
    """One row (batch 1) through every mixer with its default spec, built for that very length; the gradient reaches
    the input and every parameter, as in the middle of a model. `% of GEMM`: the operations that the mixer counts,
    three times those of the forward pass where the backward pass is included, over the rate of the best product."""
    device = choose_device("auto")
    dim, lengths = (QUICK_DIM, (QUICK_LENGTH,)) if options.quick else (DIM, options.lengths)
    rows: list[Row] = []
    for length in lengths:
        for name, dtype in dtypes().items():
            rate = best_rate(device, dtype, options.quick)
            mixers = {mixer: _built(mixer, dim, length, dtype, device) for mixer in members("mixers")}
            for kind, factor in PASSES.items():
                calls = {mixer: _call(kind, module, dim, length, dtype) for mixer, module in mixers.items()}
                times = alternate(calls, rounds=1 if options.quick else 7, warm_up=1 if options.quick else 2)
                for mixer, timing in times.items():
                    done = factor * mixers[mixer].flops(length)
                    also = _also(timing, calls[mixer], length, done, rate, device)
                    rows.append(_row(f"{mixer} {length} {name} {kind}", timing, times[PEER], also))
    return rows


def _built(name: str, dim: int, length: int, dtype: torch.dtype, device: torch.device) -> SequenceMixer:
    """The mixer's module as training has it: float32 where it keeps that, else the dtype."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = members("mixers")[name]().build(dim=dim, length=length)  # type: ignore[attr-defined]
    worker = Weights(module.to(device), dtype).worker
    assert isinstance(worker, SequenceMixer)
    return worker


def _call(kind: str, module: SequenceMixer, dim: int, length: int, dtype: torch.dtype) -> Call:
    device = next(module.parameters()).device
    x = torch.randn(1, length, dim, device=device).to(dtype).requires_grad_()
    return partial(module, x) if kind == "forward" else partial(_both, module, x, torch.randn_like(x))


def _both(module: SequenceMixer, x: Tensor, cotangent: Tensor) -> tuple[Tensor, ...]:
    return torch.autograd.grad(module(x), [x, *module.parameters()], cotangent)


def _also(timing: Timing, call: Call, length: int, flops: float, rate: float, device: torch.device) -> dict[str, float]:
    return {
        "tokens/s": length / timing.median,
        "% of GEMM": 100 * flops / timing.median / rate,
        "peak MB": peak_bytes(call, device) / 1e6,
    }


def _row(what: str, timing: Timing, peer: Timing, also: dict[str, float]) -> Row:
    return timing.row(what, "ms", scale=1e3, ratio=ratio(timing, peer).median, peer=PEER, also=also)
