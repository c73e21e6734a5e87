"""The matrix LSTM in chunks beside its parallel form."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from seqlab.bench import Options
from seqlab.bench.duels import Contest, lengths
from seqlab.bench.shared.passes import forward_backward
from seqlab.kernels.mlstm import Form, mlstm

__all__ = ["contests"]

HEADS, KEYS, VALUES = 4, 32, 64
"""Those of the default mixer at D = 256."""


def contests(options: Options) -> Iterator[Contest]:
    """One row, with gates as a trained model has them: mostly closed to the input, mostly open to the past."""
    for length in lengths(options, 4096):
        q, k, v = (torch.randn(1, length, HEADS, width) for width in (KEYS, KEYS, VALUES))
        input_gate, forget_gate = torch.randn(2, 1, length, HEADS) + torch.tensor([-5.0, 4.5]).view(2, 1, 1, 1)
        given = q, k, v, input_gate, forget_gate
        yield Contest(
            what=f"mlstm {length} float32 forward+backward",
            ours=forward_backward(_in("chunkwise"), *given),
            peer=forward_backward(_in("parallel"), *given),
            against="its parallel form",
            tolerance=1e-4,
            faster=3.0,
            rounds=5,
        )


def _in(form: Form) -> Callable[..., Tensor]:
    return lambda *given: mlstm(*given, form=form)[0]
