"""Where the time goes: every step on a CPU; on a GPU a sample of them, scaled, and never the one that warms up."""

import pytest
import torch

from seqlab.train.shares import Shares


def measured(shares: Shares, steps: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """Takes so many steps whose forward pass lasts a second; returns how often the device was waited for."""
    clock, waits = [0.0], [0]

    def wait() -> None:
        waits[0] += 1

    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    monkeypatch.setattr(torch.cuda, "synchronize", wait)
    for step in range(steps):
        shares.begin_step(step)
        with shares("forward"):
            clock[0] += 100.0 if step == 0 else 1.0
    with shares.rare("evaluation"):
        clock[0] += 10.0
    return waits[0]


def test_every_step_counts_on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = Shares(torch.device("cpu"))
    assert measured(shares, 10, monkeypatch) == 0
    assert shares.seconds == {"forward": 109.0, "evaluation": 10.0}


def test_a_gpu_is_waited_for_in_few_steps_and_not_in_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = Shares(torch.device("cuda"), every=5)
    assert measured(shares, 10, monkeypatch) == 2 * 2 + 2
    assert shares.seconds == {"forward": 10.0, "evaluation": 10.0}
    assert shares.fractions() == {"forward": 0.5, "evaluation": 0.5}
