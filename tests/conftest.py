"""What every test stands on: one thread a process, and fresh memory full of NaN, so that reading it shows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)
torch.utils.deterministic.fill_uninitialized_memory = True


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    """The same draws in every test, alone or in company."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
