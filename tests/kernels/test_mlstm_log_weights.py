"""The sums of logarithms in which the matrix LSTM's gates reach Triton, against the gates' recurrence."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from compare_kernels import agree
from torch import Tensor

from seqlab.kernels.mlstm.log_weights import log_weights


@pytest.mark.parametrize("packed", [False, True])
def test_stabilisers_follow_the_recurrence_of_each_document(packed: bool) -> None:
    starts = torch.rand(2, 40) < 0.2 if packed else None

    def law(input_gate: Tensor, forget_gate: Tensor, m: Tensor) -> Tensor:
        stabilisers = []
        for t in range(input_gate.shape[1]):
            m = m if starts is None else m.masked_fill(starts[:, t, None], 0)
            m = torch.maximum(F.logsigmoid(forget_gate[:, t]) + m, input_gate[:, t])
            stabilisers.append(m)
        return torch.stack(stabilisers, dim=1)

    def fast(input_gate: Tensor, forget_gate: Tensor, m: Tensor) -> Tensor:
        return log_weights(input_gate, forget_gate, m, starts, "exponential").m

    given = torch.randn(2, 40, 3), torch.randn(2, 40, 3) + 2, torch.randn(2, 3)
    agree(fast, law, *given, dtype=torch.float64)


@pytest.mark.parametrize("gate", ["exponential", "sigmoid"])
def test_the_weight_of_what_is_read_and_what_is_written(gate: str) -> None:
    i, f, m = torch.randn(1, 5, 1).double(), torch.randn(1, 5, 1).double(), torch.randn(1, 1).double()
    logs = log_weights(i, f, m, None, gate)
    kept, written = F.logsigmoid(f), i if gate == "exponential" else F.logsigmoid(i)
    into_4 = kept[0, 2:, 0].sum() + written[0, 1, 0] - logs.m[0, 4, 0]
    torch.testing.assert_close(logs.reading[0, 5, 0] + logs.writing[0, 1, 0], into_4)
    of_memory = kept.sum() + (m[0, 0] if gate == "exponential" else 0) - logs.m[0, 4, 0]
    torch.testing.assert_close(logs.reading[0, 5, 0] - logs.reading[0, 0, 0], of_memory)
