"""Window attention fed by a DLN against arrays of the author's own class bodies, and his dead memory shown to be alive.

Every file of the pattern is compared; sizes and settings are read from its own arrays.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from test_dln import assert_close, files, fill, load
from torch import Tensor, nn
from torch.nn import functional as F

from seqlab.kernels.rms_norm import rms_norm
from seqlab.mixers.dln import DLN
from seqlab.mixers.window import SlidingAttention, Window
from seqlab.nn.norms.layernorm import LayerNorm


def layer(arrays: dict[str, Tensor], prefix: str) -> SlidingAttention:
    dim, features = arrays[f"{prefix}input"].shape
    spec = Window(
        window=int(arrays["history"]),
        heads=int(arrays["heads"]),
        qk_norm=LayerNorm(eps=1e-6, weight=False, bias=False),
        memory=DLN(),
        memory_dim=features,
    )
    module = spec.build(dim=dim, length=len(arrays["ids"])).double()
    read = module.recollection
    assert read is not None
    qkv = torch.cat([arrays[f"{prefix}qk"], arrays[f"{prefix}v"]], dim=1)
    fill({"qkv": module.heads.project.weight, "input": read.project.weight, "out": module.out.weight}, {
        "qkv": qkv.T, "input": arrays[f"{prefix}input"].T, "out": arrays[f"{prefix}out"].T,
    })  # fmt: skip
    fill({"size": read.memory.memory.size}, {"size": arrays[f"{prefix}update"]})
    nn.init.zeros_(read.memory.memory.theta)
    return module


class Dead(nn.Module):
    """What the public code of 1 June 2024 kept of its scan: the product of the decays, which no input reaches."""

    def __init__(self, update: Tensor) -> None:
        super().__init__()
        self.update = update

    def forward(self, x: Tensor, lengths: Tensor | None, starts: Tensor | None) -> Tensor:
        age = torch.arange(1, x.shape[1] + 1)[:, None]
        return (self.update**age).expand_as(x)


def logits(arrays: dict[str, Tensor], *, dead: bool = False) -> Tensor:
    """(L, V), all layers in turn; `dead`: with the memory of the public code."""
    x = (arrays["embedding"][arrays["ids"]] + arrays["positional"])[None]
    depth = sum(name.endswith("_update") for name in arrays)
    for prefix in (f"L{index}_" for index in range(depth)):
        mixer = layer(arrays, prefix)
        assert mixer.recollection is not None
        if dead:
            mixer.recollection.memory = Dead(arrays[f"{prefix}update"])
        y = x + mixer(x)
        hidden = F.gelu(rms_norm(y) @ arrays[f"{prefix}up"], approximate="tanh")
        x = x + y + hidden @ arrays[f"{prefix}down"]  # the author adds the stream twice
    return (x @ arrays["unembed"])[0]


def remembered(path: Path) -> tuple[Tensor, Tensor]:
    """What the memory of the first layer reads (1, L, F), and its state (L, F)."""
    arrays = load(path)
    x = (arrays["embedding"][arrays["ids"]] + arrays["positional"])[None]
    read = layer(arrays, "L0_").recollection
    assert read is not None
    vectors = read.project(rms_norm(x))
    return vectors, read.memory(vectors, None, None)[0]


@pytest.mark.parametrize("path", files("dln_swa_scan*.npz"))
def test_window_attention_fed_by_a_dln(path: Path) -> None:
    arrays = load(path)
    assert_close(logits(arrays), arrays["logits"], 1e-12, "the logits")


@pytest.mark.parametrize("path", files("dln_swa_*.npz"))
def test_the_memory_is_the_state(path: Path) -> None:
    _, state = remembered(path)
    assert_close(state, load(path)["dln0_state"], 1e-12, "the state")


@pytest.mark.parametrize("path", files("dln_swa_scan*.npz"))
def test_what_the_public_scan_gave_is_the_state(path: Path) -> None:
    _, state = remembered(path)
    assert_close(state, load(path)["dln0_out"], 1e-12, "what it gave")


@pytest.mark.parametrize("path", files("dln_swa_assoc*.npz"))
def test_what_the_public_associative_scan_gave_is_the_other_half_of_the_pair(path: Path) -> None:
    """The product of the decays, whatever is read."""
    arrays = load(path)
    vectors, state = remembered(path)
    given = Dead(arrays["L0_update"])(vectors, None, None)[0]
    assert_close(given, arrays["dln0_out"], 1e-12, "what it gave")
    assert not torch.allclose(state, arrays["dln0_out"], atol=1e-3)


@pytest.mark.parametrize("path", files("dln_swa_assoc*.npz"))
def test_the_memory_depends_on_the_input_where_the_public_one_was_dead(path: Path) -> None:
    arrays = load(path)
    assert_close(logits(arrays, dead=True), arrays["logits"], 1e-12, "the logits of the dead memory")
    assert not torch.allclose(logits(arrays), arrays["logits"], atol=1e-6)
