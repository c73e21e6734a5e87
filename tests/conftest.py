"""What every test stands on: one thread a process, and fresh memory full of NaN, so that reading it shows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from seqlab.audits.shared import cited
from seqlab.places import compiled_folder

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)
torch.utils.deterministic.fill_uninitialized_memory = True
os.environ["SEQLAB_KERNELS"] = str(compiled_folder())  # tests have caches of their own; one compilation serves them all


LONG = (
    "test_readme.py", "test_wheel.py", "train/test_distributed.py", "cli/test_sweep_command.py", "train/test_worker.py",
    "bench/test_gate.py", "sweeps/test_packed_sweep.py", "cli/test_run_command.py", "death/test_kill.py",
)  # fmt: skip
"""Files of few tests that take long: begun first, so that no process is left with one when the others are done."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not str(item.path).endswith(LONG))


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    """The same draws in every test, alone or in company."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture(scope="session")
def findings_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the tests of a process keep what audits found."""
    return tmp_path_factory.mktemp("findings")


@pytest.fixture(autouse=True)
def findings(findings_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model is audited once for all the tests that train it, as for a user who runs it again; tests of audits
    override this."""
    monkeypatch.setattr(cited, "cache_folder", lambda: findings_folder)
