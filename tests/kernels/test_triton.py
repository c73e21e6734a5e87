"""The Triton kernels: in Triton's interpreter on the CPU, compiled where there is a GPU, each in a process of its own.

A file triton_NAME.py beside this one compares one kernel with its reference on the device that it is given.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("triton", reason="Triton is not installed")
SCRIPTS = sorted(Path(__file__).parent.glob("triton_*.py"))
GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU at hand")


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=GPU)])
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_kernel(script: Path, device: str) -> None:
    environment = os.environ | ({"TRITON_INTERPRET": "1"} if device == "cpu" else {})
    done = subprocess.run([sys.executable, script, device], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
