"""What the tie set promises, over sweeps whose best cell is known: it holds the best in 95 of 100."""

from __future__ import annotations

import pytest

from seqlab.sweeps.simulate import KINDS, simulate

COUNT = 200


@pytest.mark.parametrize("kind", KINDS)
def test_the_tie_set_holds_the_best(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = simulate(kind, COUNT)
    with capsys.disabled():
        print(f"\n{found}")
    assert found.coverage >= 0.95
    assert found.false_winner <= 0.05
    assert found.false_winner <= found.false_winner_of_the_maximum
    assert found.planted_edges_found in (None, 1.0)
