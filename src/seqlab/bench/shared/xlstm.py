"""An xLSTM Large with drawn weights, and the same one in transformers where that is installed."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from seqlab.channels.swiglu import SwiGLU
from seqlab.data.signature import Signature
from seqlab.folders import open_folder
from seqlab.mixers.mlstm import MLSTM
from seqlab.models import Block
from seqlab.models.lm import LM, LanguageModel

__all__ = ["PEER", "Peer", "Sizes", "drawn", "models"]

PEER = "transformers"


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Of a model, and of what is done with it."""

    blocks: int = 6
    dim: int = 512
    vocabulary: int = 50304
    prompt: int = 512
    """Symbols of the prompt that is read."""
    others: tuple[int, ...] = (511, 8191)
    """Lengths at which a symbol of a prompt is to cost as much as at `prompt`."""
    written: int = 100
    """Symbols that are generated from end to end, behind a prompt of 8."""
    steps: int = 20
    """Steps of one sample."""
    streams: int = 8
    """Rows that are decoded together."""


@dataclass(frozen=True)
class Peer:
    """The model in transformers, called as its documentation does."""

    model: Any

    def prefill(self, tokens: Tensor) -> tuple[Tensor, Any]:
        """The logits behind the prompt (B, V), and the cache."""
        told = self.model(tokens, use_cache=True)
        return told.logits[:, -1], told.cache_params

    def step(self, tokens: Tensor, cache: Any) -> Tensor:
        """tokens (B,) -> logits (B, V); the cache is changed in place."""
        logits: Tensor = self.model(tokens[:, None], cache_params=cache, use_cache=True).logits
        return logits[:, -1]

    def generate(self, prompt: Tensor, count: int) -> list[int]:
        """So many symbols, always the likeliest, with no symbol that would end the text."""
        whole = self.model.generate(
            prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=count, do_sample=False, eos_token_id=None
        )
        written: list[int] = whole[0, prompt.shape[1] :].tolist()
        return written


def models(sizes: Sizes) -> tuple[LanguageModel, Peer | None]:
    """Both with the same weights; None where transformers, or its xLSTM, is not there."""
    if importlib.util.find_spec(PEER) is None:
        return drawn(sizes), None
    from transformers import xLSTMConfig, xLSTMForCausalLM

    config = xLSTMConfig(
        vocab_size=sizes.vocabulary, hidden_size=sizes.dim, embedding_dim=sizes.dim, num_hidden_layers=sizes.blocks,
        num_blocks=sizes.blocks, num_heads=4, mode="inference", chunkwise_kernel="chunkwise--native_autograd",
        sequence_kernel="native_sequence__native", step_kernel="native",
    )  # fmt: skip
    theirs = xLSTMForCausalLM(config).eval()
    with TemporaryDirectory(prefix="seqlab-bench-") as folder:
        theirs.save_pretrained(folder)
        ours = open_folder(Path(folder)).load(torch.float32)
    return ours, Peer(theirs)


def drawn(sizes: Sizes) -> LanguageModel:
    """Ours, its weights drawn."""
    block = Block(mixer=MLSTM(heads=4), channel=SwiGLU())
    spec = LM(dim=sizes.dim, layers=(block,) * sizes.blocks, tied=False, logit_cap=30.0)
    return spec.build(Signature(vocabulary=sizes.vocabulary, length=sizes.prompt)).eval()
