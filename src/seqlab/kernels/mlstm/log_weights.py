"""The gates of the matrix LSTM as sums of logarithms: what a position reads, times what an input has written.

Input s has the weight exp(reading_t + writing_s) in the answer at t, and the memory that came in the weight
exp(reading_t - reading before the first position). Logarithms are float64: their sums grow with the length, and only
differences count.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from seqlab.kernels.mlstm.output import InputGate

__all__ = ["LogWeights", "log_weights"]


class LogWeights(NamedTuple):
    """All float64, and differentiable but for the documents."""

    reading: Tensor
    """(b, l + 1, h), from before the first position on."""
    writing: Tensor
    """(b, l, h)."""
    documents: Tensor
    """(b, l + 1) int32: the number of each position's document. Zero, that of the memory which came in, comes first."""
    m: Tensor
    """(b, l, h): the stabiliser of every position."""


def log_weights(
    input_gate: Float[Tensor, "b l h"],
    forget_gate: Float[Tensor, "b l h"],
    m: Float[Tensor, "b h"],
    starts: Bool[Tensor, "b l"] | None,
    gate: InputGate,
) -> LogWeights:
    """From the gates' pre-activations and the stabiliser of the memory that comes in."""
    wide = torch.promote_types(input_gate.dtype, torch.float32)
    kept = F.logsigmoid(forget_gate.to(wide)).double()
    since = kept.cumsum(1)
    documents = torch.zeros_like(since[..., 0], dtype=torch.int32) if starts is None else starts.cumsum(1).int()
    if gate == "exponential":
        writing = input_gate.double() - since
        stabiliser, first = since + _greatest(writing, kept - since, m.double(), starts), m.double()
    else:
        writing = F.logsigmoid(input_gate.to(wide)).double() - since
        stabiliser, first = torch.zeros_like(since), torch.zeros_like(since[:, 0])
    reading = torch.cat([-first[:, None], since - stabiliser], dim=1)
    return LogWeights(reading, writing, F.pad(documents, (1, 0)), stabiliser)


def _greatest(writing: Tensor, begin: Tensor, m: Tensor, starts: Tensor | None) -> Tensor:
    """(b, l, h): the greatest `writing` of each position's document so far, where the empty memory, at the begin of the
    document, takes part with a stabiliser of zero, and the one that came in with m."""
    if starts is None:
        first = torch.maximum(writing[:, :1], m[:, None])
        return torch.cat([first, writing[:, 1:]], dim=1).cummax(1).values
    came = torch.where(starts[:, :1, None], 0, m[:, None])
    empty = torch.cat([came, begin[:, 1:].masked_fill(~starts[:, 1:, None], -math.inf)], dim=1)
    candidates = torch.maximum(writing, empty)
    # Ranks are whole numbers: later documents are lifted above earlier ones without rounding anything.
    ranks = candidates.argsort(1).argsort(1) + len(candidates[0]) * starts.cumsum(1)[..., None]
    return candidates.gather(1, ranks.cummax(1).indices)
