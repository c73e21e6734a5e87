"""Language model: embedding, blocks, final norm, head."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from seqlab.data.signature import Signature
from seqlab.kernels.linear import linear
from seqlab.kernels.soft_cap import soft_cap
from seqlab.mixers import State
from seqlab.models import Block, BlockModule, Model, layer_card, reads_symbols
from seqlab.nn.dropout import Dropout
from seqlab.nn.inits import Init, depth_gain, initialise
from seqlab.nn.inits.normal import Normal
from seqlab.nn.linear import Linear
from seqlab.nn.norms import Norm, normed
from seqlab.nn.norms.rmsnorm import RMSNorm
from seqlab.nn.position import sinusoidal
from seqlab.nn.rows import at_the_end, positions_in_document
from seqlab.spec import Field, SpecError
from seqlab.spec.part import label

__all__ = ["LM", "LanguageModel"]


class LM(Model):
    """A language model that predicts the next symbol; causal when every mixer is."""

    dim: int = Field(default=128, ge=1)
    """Width of the residual stream."""
    layers: tuple[Block, ...]
    """The blocks, first to last."""
    norm: Norm | None = RMSNorm()
    """The norm before the head; none: none."""
    tied: bool = True
    """Use the embedding matrix as the head."""
    position: Literal["none", "learned", "sinusoidal"] = "none"
    """What is added to the embedding to tell positions apart (a mixer may have positions of its own)."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout on the embedding."""
    init: Init = Normal()
    """Law of every linear in the blocks; filters keep their own."""
    embedding_init: Init = Normal()
    """Law of the embedding and of learned positions; fan-in and fan-out are D."""
    positions_init: Init | None = None
    """Law of learned positions, a matrix (length, D); none: `embedding_init`."""
    head_init: Init = Normal()
    """Law of an untied head."""
    head_from_embedding: bool = False
    """Whether an untied head begins as a copy of the embedding, in place of its law."""
    residual_init: Init | None = None
    """Law of the linears that write to the residual stream; none: `init`, divided by sqrt(number of branches) (GPT-2)
    where `depth_scaled`. `normal` with scale 0 starts every branch at zero (arXiv 1901.09321)."""
    depth_scaled: bool = True
    """Divide the law of the linears that write to the residual stream by sqrt(number of branches)."""
    embedding_norm: bool = False
    """Divide the embedding by its root mean square (RMS norm without a weight) before the first block."""
    logit_cap: float | None = Field(default=None, gt=0)
    """c of the soft cap c tanh(logit / c) (xLSTM 7B: 30, arXiv 2503.13427); none: no cap."""

    def check(self) -> None:
        if not self.layers:
            raise SpecError("models/lm needs at least one layer in `layers`.")
        if self.tied and self.head_from_embedding:
            raise SpecError("models/lm: a tied head is the embedding; set `tied=false` for one that begins as a copy.")
        if self.positions_init is not None and self.position != "learned":
            raise SpecError("models/lm: `positions_init` is of learned positions; set `position=learned`, or leave it.")

    def build(self, signature: Signature) -> LanguageModel:
        reads_symbols(self, signature)
        return LanguageModel(self, signature)

    def card(self, model: nn.Module) -> dict[str, Any]:
        blocks = cast(LanguageModel, model).blocks
        rows = [
            layer_card(index, spec, cast(BlockModule, block))
            for index, (spec, block) in enumerate(zip(self.layers, blocks, strict=True))
        ]
        return {
            "dim": self.dim,
            "vocabulary": cast(LanguageModel, model).embedding.num_embeddings,
            "position": self.position,
            "norm": label(type(self.norm)) if self.norm else None,
            "tied": self.tied,
            "layers": rows,
        }


class LanguageModel(nn.Module):
    """tokens (B, L) int64 -> logits (B, L, V)."""

    def __init__(self, spec: LM, signature: Signature) -> None:
        super().__init__()
        self.length = signature.length
        self.embedding = nn.Embedding(signature.vocabulary, spec.dim)
        self.positions = nn.Embedding(signature.length, spec.dim) if spec.position == "learned" else None
        self.sinusoidal = spec.position == "sinusoidal"
        self.embedding_norm = RMSNorm(weight=False).build(dim=spec.dim) if spec.embedding_norm else None
        self.dropout = Dropout(spec.dropout) if spec.dropout else nn.Identity()
        self.blocks = nn.ModuleList(block.build(dim=spec.dim, length=signature.length) for block in spec.layers)
        self.norm = spec.norm.build(dim=spec.dim) if spec.norm is not None else None
        self.head = None if spec.tied else Linear(spec.dim, signature.vocabulary, bias=False)
        self.logit_cap = spec.logit_cap
        self._initialise(spec)

    def _initialise(self, spec: LM) -> None:
        branches = sum(1 if block.channel is None else 2 for block in spec.layers)
        gain = depth_gain(branches) if spec.depth_scaled else 1.0
        initialise(self.blocks, spec.init, spec.residual_init, residual_gain=gain)
        std = spec.embedding_init.std(spec.dim, spec.dim)
        for table in (self.embedding, self.positions):
            if table is not None:
                nn.init.normal_(table.weight, 0.0, std)
        if self.positions is not None and spec.positions_init is not None:
            spec.positions_init.fill(self.positions.weight)
        if self.head is not None:
            self.head.is_head = True  # type: ignore[assignment]  # read by optim.groups: a head is no hidden matrix
            spec.head_init.fill(self.head.weight)
            if spec.head_from_embedding:
                self.head.weight.data.copy_(self.embedding.weight.data)
                self.head.weight.begins_as_copy = True  # type: ignore[attr-defined]  # read by audits of draws

    @property
    def causal(self) -> bool:
        """Whether no logit sees a later symbol."""
        return all(block.mixer.causal for block in self._blocks())

    @property
    def max_length(self) -> int | None:
        """The longest input, None where there is no limit."""
        limits = [block.mixer.max_length for block in self._blocks()]
        limits.append(self.length if self.positions is not None else None)
        return min((limit for limit in limits if limit is not None), default=None)

    def _blocks(self) -> Iterator[BlockModule]:
        return cast(Iterator[BlockModule], iter(self.blocks))

    def forward(self, tokens: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> Tensor:
        """tokens (B, L) -> logits (B, L, V), in the parameters' dtype, below a cap in float32 or wider; lengths and
        starts as mixers take them."""
        x = self._embed(tokens, positions_in_document(tokens, starts))
        for block in self._blocks():
            x = block(x, lengths, starts)
        return self._logits(x, lengths)

    def prefill(
        self, tokens: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """tokens (B, L) -> the logits after each row's last real symbol (B, V), and the state there."""
        x = self._embed(tokens, positions_in_document(tokens, starts))
        state: State = {}
        for index, block in enumerate(self._blocks()):
            x, memory = block.prefill(x, lengths, starts)
            state |= _named(index, memory)
        return self._logits(at_the_end(x, lengths)), state

    def extend(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """The symbols that follow those of a state: tokens (B, L) -> logits (B, L, V), and the state after them."""
        x, after = self._further(tokens, state)
        return self._logits(x), after

    def read_on(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """As `extend`, with the logits after the last symbol alone: (B, V)."""
        x, after = self._further(tokens, state)
        return self._logits(x[:, -1]), after

    def _further(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        time = torch.arange(tokens.shape[1], device=tokens.device)
        x = self._embed(tokens, state["0/position"][:, None] + time)
        after: State = {}
        for index, block in enumerate(self._blocks()):
            x, memory = block.extend(x, _of_layer(index, state))
            after |= _named(index, memory)
        return x, after

    def init_state(self, batch: int) -> State:
        """The state before the first symbol."""
        state: State = {}
        for index, block in enumerate(self._blocks()):
            state |= _named(index, block.mixer.init_state(batch))
        return state

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """One symbol for each row: tokens (B,) and the state -> logits (B, V) and the new state."""
        x = self._embed(tokens, state["0/position"])
        after: State = {}
        for index, block in enumerate(self._blocks()):
            x, memory = block.step(x, _of_layer(index, state))
            after |= _named(index, memory)
        return self._logits(x), after

    def _embed(self, tokens: Tensor, position: Tensor) -> Tensor:
        x = self.embedding(tokens)
        if self.positions is not None:
            if tokens.ndim == 2 and tokens.shape[1] > self.length:
                raise ValueError(f"the model learned {self.length} positions and was given {tokens.shape[1]} symbols.")
            x = x + self.positions(position)
        elif self.sinusoidal:
            x = x + sinusoidal(position, x.shape[-1]).to(x.dtype)
        if self.embedding_norm is not None:
            x = self.embedding_norm(x)
        return cast(Tensor, self.dropout(x))

    def _logits(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        x = x if self.norm is None else normed(self.norm, x, lengths)
        logits: Tensor = linear(x, self.embedding.weight) if self.head is None else self.head(x)
        if self.logit_cap is None:
            return logits
        return soft_cap(logits.to(torch.promote_types(logits.dtype, torch.float32)), self.logit_cap)

    def state_bytes(self, batch: int, length: int) -> int:
        """The bytes of the state after `length` symbols, or as many as fit in it."""
        length = min(length, self.max_length or length)
        return sum(block.mixer.state_bytes(batch, length) for block in self._blocks())

    def flops(self, length: int) -> float:
        """Floating-point operations of one row's forward pass, the head included; a multiply-add counts as 2."""
        vocabulary, dim = self.embedding.weight.shape
        return sum(block.flops(length) for block in self._blocks()) + 2.0 * length * vocabulary * dim


def _named(index: int, memory: State) -> State:
    return {f"{index}/{name}": tensor for name, tensor in memory.items()}


def _of_layer(index: int, state: State) -> State:
    prefix = f"{index}/"
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
