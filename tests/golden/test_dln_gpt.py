"""The character GPT of 2024 against arrays of the author's own class bodies, its stream added once and twice.

Every file of the pattern is compared; sizes are read from its own arrays, the activation from its name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
import torch
from test_dln import assert_close, files, fill, load
from torch import Tensor

from seqlab.channels.mlp import MLP
from seqlab.data.signature import Signature
from seqlab.mixers.attention import Attention
from seqlab.models import Block
from seqlab.models.lm import LM, LanguageModel
from seqlab.nn.activations import Activation
from seqlab.nn.norms.layernorm import LayerNorm
from seqlab.nn.norms.rmsnorm import RMSNorm

ACTIVATIONS: dict[str, Activation] = {"gelu": "gelu_tanh", "tanh": "tanhshrink_3.15_3"}
"""What the journal calls them; its "tanh" is x - 3.15 tanh(x / 3)."""


def of(path: Path, residual: Literal["single", "doubled"]) -> LanguageModel:
    arrays = load(path)
    length, dim = arrays["positional"].shape
    (activation,) = (function for name, function in ACTIVATIONS.items() if name in path.stem)
    block = Block(
        mixer=Attention(heads=int(arrays["heads"]), qk_norm=LayerNorm(eps=1e-6, weight=False, bias=False)),
        channel=MLP(expansion=arrays["L0_up"].shape[1] / dim, activation=activation, bias=False),
        norm=RMSNorm(weight=False),
        residual=residual,
    )
    depth = sum(name.endswith("_qk") for name in arrays)
    spec = LM(dim=dim, layers=(block,) * depth, norm=None, tied=False, position="learned")
    model = spec.build(Signature(vocabulary=len(arrays["embedding"]), length=length)).double()
    assert model.positions is not None
    assert model.head is not None
    fill({"embedding": model.embedding.weight, "positional": model.positions.weight}, arrays)
    fill({"unembed": model.head.weight.T}, arrays)
    for index, layer in enumerate(model.blocks):
        linears = {"out": layer.mixer.out, "up": layer.channel.up, "down": layer.channel.down}
        fill({name: linear.weight.T for name, linear in linears.items()}, arrays, f"L{index}_")
        fused = torch.cat([arrays[f"L{index}_qk"], arrays[f"L{index}_v"]], dim=1)
        fill({"qkv": layer.mixer.heads.project.weight.T}, {"qkv": fused})
    return model


def logits(path: Path, residual: Literal["single", "doubled"]) -> Tensor:
    found: Tensor = of(path, residual)(load(path)["ids"][None])[0]
    return found


@pytest.mark.parametrize("path", files("dln_gpt_*.npz"))
def test_the_gpt(path: Path) -> None:
    assert_close(logits(path, "single"), load(path)["logits_single_residual"], 1e-12, "the logits")


@pytest.mark.parametrize("path", files("dln_gpt_*.npz"))
def test_the_gpt_as_it_ran_adds_its_stream_twice(path: Path) -> None:
    assert_close(logits(path, "doubled"), load(path)["logits"], 1e-12, "the logits")
