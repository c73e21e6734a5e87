"""Documents inside rows, each as a row of its own."""

from __future__ import annotations

import torch
from torch import Tensor

from seqlab.nn.rows import each_document


def test_each_document_is_a_row_of_its_own() -> None:
    torch.manual_seed(0)
    x, starts = torch.randn(3, 40, 2, dtype=torch.float64), torch.rand(3, 40) < 0.2
    y = each_document(lambda rows: torch.cat([rows.cumsum(1), rows], dim=2), x, starts)
    for row in range(3):
        begin = 0
        for t in range(40):
            begin = t if starts[row, t] else begin
            torch.testing.assert_close(y[row, t, :2], x[row, begin : t + 1].sum(0))
    assert torch.equal(y[..., 2:], x)


def test_no_more_than_twice_the_positions_are_computed() -> None:
    positions = []

    def count(rows: Tensor) -> Tensor:
        positions.append(rows.shape[0] * rows.shape[1])
        return rows

    each_document(count, torch.randn(1, 1000, 1), torch.arange(1000)[None] > 500)
    assert sum(positions) <= 2000
    assert len(positions) == 2
