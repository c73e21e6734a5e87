"""The DLN journal's image model, a TDLN over 784 pixels, beside a loop over the pixels."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from seqlab.bench import Options
from seqlab.bench.duels import Contest, lengths
from seqlab.bench.shared.passes import forward_backward
from seqlab.mixers.tdln import TDLN, TimedMemory, TimedOscillators

__all__ = ["contests"]

ROWS = 8
TOLERANCE = 1e-3
"""Sums over 784 positions in float32, in another order; angles of many turns."""


def contests(options: Options) -> Iterator[Contest]:
    """One level of 500 features. The loop does at each position what belongs to it: both linears, the decay, the state,
    in torch's complex numbers. What ours keeps for the gradient beside its inputs and outputs is the states at the
    borders of pieces, where the loop keeps every state, decay and sigmoid."""
    dim = 16 if options.quick else 500
    for length in lengths(options, 784):
        mixer = TDLN().build(dim=dim, length=length)
        assert isinstance(mixer, TimedOscillators)
        x, parameters = torch.rand(ROWS, length, dim), [*mixer.parameters()]
        yield Contest(
            what=f"tdln {length} float32 forward+backward",
            ours=forward_backward(mixer, x, parameters=parameters),
            peer=forward_backward(lambda x, mixer=mixer: _loop(mixer.recurrences[0], x), x, parameters=parameters),
            against="a loop over positions",
            tolerance=TOLERANCE,
            faster=5.0,
            rounds=3,
        )


def _loop(recurrence: TimedMemory, x: Tensor) -> Tensor:
    memory = recurrence.memory
    rate = torch.complex(memory.size.log(), memory.theta)
    state = torch.zeros_like(x[:, 0], dtype=torch.complex64)
    outputs = []
    for x_l in x.unbind(1):
        time = torch.sigmoid(recurrence.time(x_l) + recurrence.time_bias)
        state = torch.exp(time * rate) * state + time * recurrence.data(x_l)
        outputs.append(state.real)
    return torch.stack(outputs, dim=1)
