"""A checkpoint of 1.3 billion parameters in several shards: reading it takes its final size, and hardly more."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tiny_folder import configuration

from seqlab.folders.shared.config import Config
from seqlab.folders.xlstm import XLSTMFolder

FIELDS = configuration(
    embedding_dim=2048, hidden_size=2048, num_blocks=24, num_hidden_layers=24, num_heads=4, vocab_size=50304
)
SHARDS = 4
READ = """
import json, sys, torch
from pathlib import Path
from seqlab.folders import open_folder
def peak():
    told = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(told["VmHWM"].split()[0]) * 1024
folder = open_folder(Path(sys.argv[1]))
folder.shapes
before = peak()
model = folder.load(getattr(torch, sys.argv[2]))
size = sum(parameter.nbytes for parameter in model.parameters())
print(json.dumps({"peak": peak() - before, "size": size, "parameters": folder.parameters}))
"""


def write(folder: Path) -> None:
    """A shard at a time; every tensor is cut from the same random numbers."""
    numbers = 0.02 * torch.randn(2**22, generator=torch.Generator().manual_seed(0))
    places = XLSTMFolder.contents(Config(FIELDS, folder / "config.json"), {}).places
    (folder / "config.json").write_text(json.dumps(FIELDS))
    names = sorted(places)
    for shard in range(SHARDS):
        tensors = {}
        for name in names[shard::SHARDS]:
            shape = torch.Size(places[name].shape)
            tensors[name] = numbers.repeat(-(-shape.numel() // len(numbers)))[: shape.numel()].view(shape)
        save_file(tensors, folder / f"model-{shard + 1:05}-of-{SHARDS:05}.safetensors")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_peak_memory(tmp_path: Path) -> None:
    write(tmp_path)
    for dtype in ("float32", "bfloat16"):
        result = subprocess.run(
            [sys.executable, "-c", READ, str(tmp_path), dtype], check=True, capture_output=True, text=True
        )
        found = json.loads(result.stdout)
        assert found["parameters"] > 1.3e9
        assert found["peak"] <= 1.15 * found["size"], (dtype, found)
