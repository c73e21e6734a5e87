"""Classifier: blocks over a row of symbols or pixels, and one answer for the whole of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from seqlab.data.signature import Signature
from seqlab.models import Block, BlockModule, Model, classifies, layer_card
from seqlab.nn.class_head import class_head
from seqlab.nn.dropout import Dropout
from seqlab.nn.entrance import NumberEntrance, SymbolEntrance
from seqlab.nn.inits import Init, initialise
from seqlab.nn.inits.lecun import LeCun
from seqlab.nn.inits.normal import Normal
from seqlab.nn.norms import Norm, normed
from seqlab.nn.norms.layernorm import LayerNorm
from seqlab.nn.position import sinusoidal
from seqlab.nn.rows import at_the_end, mean_of_real
from seqlab.spec import Field, SpecError, label

__all__ = ["Classifier", "RowClassifier"]


class Classifier(Model):
    """Puts a whole row into a class: symbols, an image read pixel by pixel, line by line, or two documents (two-tower).

    Symbols are embedded; the channels of a pixel, brought to about unit variance, go through a linear. Of two documents
    each is encoded by itself with the same weights, and the head reads [a, b, a - b, a . b] (arXiv 2011.04006). Linears
    are drawn by `init`, biases begin at zero, as does a class token.
    """

    dim: int = Field(default=128, ge=1)
    """Width of the residual stream."""
    layers: tuple[Block, ...]
    """The blocks, first to last."""
    head: Literal["mean", "last", "class_token"] = "mean"
    """What the answer is read from: the mean over the row's real positions, the last of these, or a token before the
    first, for which every mixer must look both ways (attention: `causal=false`, longconv: `bidirectional=true`)."""
    norm: Norm | None = LayerNorm()
    """The norm of each position before the head; none: where blocks norm their output themselves (`placement=post`)."""
    position: Literal["none", "learned", "sinusoidal"] = "none"
    """What is added to tell positions apart (a mixer may have positions of its own)."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout on what the first block reads."""
    pixel_mean: float = 0.5
    """Subtracted from each number of an image, which lie from 0 to 1."""
    pixel_deviation: float = Field(default=0.5, gt=0)
    """What they are then divided by."""
    init: Init = LeCun()
    """Law of every linear."""
    embedding_init: Init = Normal()
    """Law of the embedding of symbols and of learned positions; fan-in and fan-out are D."""

    def check(self) -> None:
        if not self.layers:
            raise SpecError("models/classifier needs at least one layer in `layers`.")

    def build(self, signature: Signature) -> RowClassifier:
        return RowClassifier(self, signature, classifies(self, signature))

    def card(self, model: nn.Module) -> dict[str, Any]:
        classifier = cast(RowClassifier, model)
        return {
            "dim": self.dim,
            "positions": classifier.length,
            "position": self.position,
            "head": self.head,
            "norm": label(type(self.norm)) if self.norm else None,
            "layers": [
                layer_card(index, spec, block)
                for index, (spec, block) in enumerate(zip(self.layers, classifier.each_block(), strict=True))
            ],
        }


class RowClassifier(nn.Module):
    """symbols (B, L), documents of symbols (B, documents, L), or numbers (B, channels, height, width) or (B, L) ->
    logits (B, C), in the parameters' dtype.

    Symbols behind a row's last real one are padding, as the signature says, and change nothing.
    """

    def __init__(self, spec: Classifier, signature: Signature, classes: int) -> None:
        super().__init__()
        self.reads = spec.head
        self.documents = signature.documents
        self.entrance: SymbolEntrance | NumberEntrance = (
            SymbolEntrance(signature, spec.dim)
            if signature.shape is None
            else NumberEntrance(signature.shape, spec.dim, spec.pixel_mean, spec.pixel_deviation)
        )
        self.length = self.entrance.length
        self.positions = nn.Parameter(torch.empty(self.length, spec.dim)) if spec.position == "learned" else None
        self.sinusoidal = spec.position == "sinusoidal"
        self.token = nn.Parameter(torch.zeros(spec.dim)) if spec.head == "class_token" else None
        self.dropout = Dropout(spec.dropout) if spec.dropout else nn.Identity()
        length = self.length + (self.token is not None)
        self.blocks = nn.ModuleList(block.build(dim=spec.dim, length=length) for block in spec.layers)
        self.norm = spec.norm.build(dim=spec.dim) if spec.norm is not None else None
        self.head = class_head(spec.dim, self.documents, classes)
        self._refuse_a_blind_token()
        self._initialise(spec)

    def _refuse_a_blind_token(self) -> None:
        causal = [index for index, block in enumerate(self.each_block()) if block.mixer.causal]
        if self.token is not None and causal:
            raise SpecError(
                f"models/classifier: a class token stands before the row, and the mixer of layer {causal[0]} is "
                "causal, so it sees nothing of it; give each layer a mixer that looks both ways, or "
                "set `model.head` to mean or last."
            )

    def _initialise(self, spec: Classifier) -> None:
        initialise(self, spec.init)
        std = spec.embedding_init.std(spec.dim, spec.dim)
        for table in (self.entrance.table, self.positions):
            if table is not None:
                nn.init.normal_(table, 0.0, std)

    def forward(self, inputs: Tensor) -> Tensor:
        if self.documents == 1:
            return cast(Tensor, self.head(self.encoded(inputs)))
        documents = self.encoded(inputs.flatten(0, 1)).unflatten(0, inputs.shape[:2])
        return cast(Tensor, self.head(documents))

    def encoded(self, rows: Tensor) -> Tensor:
        """What the head reads of each row: (B, D)."""
        x, lengths = self.entrance(rows)
        x = self._placed(x)
        if self.token is not None:
            x = torch.cat([self.token.expand(len(x), 1, -1), x], 1)
            lengths = None if lengths is None else lengths + 1
        x = self.dropout(x)
        for block in self.each_block():
            x = block(x, lengths)
        if self.norm is not None:
            x = normed(self.norm, x, lengths)
        return self._read(x, lengths)

    def _read(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        match self.reads:
            case "mean":
                return mean_of_real(x, lengths)
            case "last":
                return at_the_end(x, lengths)
            case _:
                return x[:, 0]

    def _placed(self, x: Tensor) -> Tensor:
        """x (B, L, D) with positions added."""
        count = x.shape[1]
        if count > self.length:
            raise ValueError(
                f"the classifier was built for rows of {self.length} positions and was given {count}; "
                "cut the row, or build the model for longer ones."
            )
        if self.positions is not None:
            return x + self.positions[:count]
        if self.sinusoidal:
            return x + sinusoidal(torch.arange(count, device=x.device), x.shape[-1]).to(x.dtype)
        return x

    def each_block(self) -> Iterator[BlockModule]:
        """The layers, first to last."""
        return cast(Iterator[BlockModule], iter(self.blocks))

    def flops(self, length: int) -> float:
        """Floating-point operations of one row's forward pass; a multiply-add counts as 2. A row of symbols may have
        any length; images and documents are always whole."""
        if isinstance(self.entrance, NumberEntrance) or self.documents > 1:
            length = self.length
        blocks = sum(block.flops(length + (self.token is not None)) for block in self.each_block())
        return self.documents * (blocks + self.entrance.flops(length)) + self.head.flops()
