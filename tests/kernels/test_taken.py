"""Which ways the kernels went."""

from __future__ import annotations

import pytest
import torch

from seqlab.kernels.rotary import rotary
from seqlab.kernels.taken import forget, take, taken


def test_every_way_is_told_once() -> None:
    forget()
    for way in ("slow", "fast", "slow"):
        take("scan", way)
    rotary(torch.randn(1, 2, 1, 4), torch.arange(2)[None])
    assert taken() == {"rotary": ["halves"], "scan": ["fast", "slow"]}
    forget()
    assert taken() == {}


def test_tracing_notes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    forget()
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    take("scan", "fast")
    assert taken() == {}
