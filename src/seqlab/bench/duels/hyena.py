"""Hyena by default beside its plain formulation in torch's transforms, and beside causal attention."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.fft import irfft, rfft

from seqlab.bench import Options
from seqlab.bench.duels import Contest, lengths
from seqlab.bench.shared.passes import Call, forward_backward
from seqlab.filters.implicit import ImplicitFilter
from seqlab.mixers.hyena import Hyena, HyenaOperator
from seqlab.train.weights import Weights

__all__ = ["contests"]

DIM, HEADS = 256, 4
FORMULA = "the torch.fft formulation, filter evaluated each call"


def contests(options: Options) -> Iterator[Contest]:
    """One row, in float32 and with bfloat16 compute, against the plain formulation in float32."""
    for length in lengths(options, 4096, 16384):
        operator = Hyena().build(dim=DIM, length=length)
        peer = _call(partial(_formula, operator), length, operator)
        narrow = Weights(operator, torch.bfloat16).worker
        for dtype, module, tolerance, faster in (("float32", operator, 2e-5, 1.8), ("bfloat16", narrow, 5e-2, 3.0)):
            yield Contest(
                what=f"hyena {length} {dtype} forward+backward",
                ours=_call(module, length, module),
                peer=peer,
                against=FORMULA,
                tolerance=tolerance,
                faster=faster,
            )
    for length in lengths(options, 1024, 4096):
        operator, attention = Hyena().build(dim=DIM, length=length), PlainAttention()
        yield Contest(
            what=f"hyena {length} float32 forward+backward, attention",
            ours=_call(operator, length, operator),
            peer=_call(attention, length, attention),
            against="causal scaled_dot_product_attention with its linears",
            tolerance=None,
            faster=3.0 if length >= 4096 else 1.0,
        )


def _call(function: nn.Module | partial[Tensor], length: int, module: nn.Module) -> Call:
    x = torch.randn(1, length, DIM, generator=torch.Generator().manual_seed(1))
    dtype = next(module.parameters()).dtype
    return forward_backward(function, x.to(dtype), parameters=list(module.parameters()))


class PlainAttention(nn.Module):
    """(B, L, D) -> (B, L, D): one linear to queries, keys and values, fused causal attention, one linear back."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(DIM, 3 * DIM), nn.Linear(DIM, DIM)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (t.unflatten(2, (HEADS, -1)).transpose(1, 2) for t in self.qkv(x).chunk(3, dim=2))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        y: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return y


def _formula(operator: HyenaOperator, x: Tensor) -> Tensor:
    """Order 2 as published (arXiv 2302.10866), with the operator's weights: features before time, real transforms."""
    assert isinstance(operator.filter, ImplicitFilter)
    length = x.shape[1]
    projected = operator.project(x).transpose(1, 2)
    weight, taps = operator.short_weight[:, None], _taps(operator.filter, length)
    padding, groups = weight.shape[-1] - 1, len(weight)
    mixed = F.conv1d(projected, weight, operator.short_bias, padding=padding, groups=groups)[..., :length]
    gate, other, v = mixed.chunk(3, dim=1)
    v = v * other
    spectrum = rfft(v, 2 * length) * rfft(taps, 2 * length)
    v = irfft(spectrum, 2 * length)[..., :length] + operator.skip[:, None] * v
    y: Tensor = operator.out((gate * v).transpose(1, 2))
    return y


def _taps(network: ImplicitFilter, length: int) -> Tensor:
    """(D, L): the sine network of every position's features, and its decay."""
    x = network.positions[:length]
    for linear in network.hidden:
        x = torch.sin(network.frequency * linear(x))
    decay = torch.exp(-network.time[:length, None] * network.decay.abs())
    taps: Tensor = network.last(x) * decay
    return taps.T
