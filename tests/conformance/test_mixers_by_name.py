"""The names that others rely on: each builds with its defaults, at a small width, causal."""

from __future__ import annotations

import pytest
import torch

from seqlab.spec import find

NAMES = [
    "hyena", "longconv", "s4d", "shift", "h3", "h3conv", "dln", "tdln", "mlstm", "slstm", "attention", "window",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_it_builds_with_its_defaults(name: str) -> None:
    mixer = find("mixers", name)().build(dim=16, length=64)  # type: ignore[attr-defined]
    assert mixer.causal
    x = torch.randn(2, 64, 16)
    y, state = mixer.prefill(x)
    assert y.shape == x.shape
    assert state["position"].tolist() == [64, 64]
