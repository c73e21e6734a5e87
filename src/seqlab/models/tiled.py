"""Tiled: an input repeated over the features, mixers, and an answer; the models of the DLN journal of 2023."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import torch.nn.functional as F
from torch import Tensor, nn

from seqlab.data.signature import Signature
from seqlab.mixers import Mixer, SequenceMixer
from seqlab.models import Model, refuses_sites
from seqlab.nn.linear import Linear
from seqlab.nn.norms.layernorm import LayerNorm
from seqlab.nn.tiles import PixelTiles, SymbolTiles, bits_of
from seqlab.spec import Field, SpecError, label

__all__ = ["Tiled", "TiledModel"]


class Tiled(Model):
    """Nothing is learned before the first mixer: a pixel stands in every one of the D features, a symbol as its one-hot
    vector, or its bits, repeated.

    Of an image the state at its last pixel is read, of symbols each position: through the `hidden` layers, then a
    linear to the pixels (whose sigmoid is the image), the classes or the symbols. Linears are drawn by torch's
    default, uniform within 1/sqrt(fan_in), biases too. Source: randomekek/sequence, August 2023.
    """

    dim: int = Field(default=50, ge=1)
    """D, the number of features; a multiple of the symbols, or of their bits."""
    mixers: tuple[Mixer, ...]
    """The mixers, first to last, with a linear and a relu between two of them."""
    hidden: int = Field(default=1, ge=0)
    """Layers h <- norm(relu(W h + h)) behind them."""
    residual: bool = True
    """Whether these layers add h (the journal's highway)."""
    bits: bool = False
    """Whether symbols come in as their bits, highest first, and a logit for each of them goes out: the logit of
    a symbol is the sum over its bits that are one, so that the bits are independent."""

    def check(self) -> None:
        if not self.mixers:
            raise SpecError("models/tiled needs at least one mixer in `mixers`.")

    def build(self, signature: Signature) -> TiledModel:
        refuses_sites(self, signature)
        if signature.documents > 1 or (signature.shape is None and signature.classes is not None):
            raise SpecError(
                "models/tiled answers symbols at each position, and the task asks for the class of a whole row; "
                "choose another `model`, such as classifier."
            )
        return TiledModel(self, signature)

    def card(self, model: nn.Module) -> dict[str, Any]:
        rows = [
            {
                "layer": index,
                "mixer": label(type(spec)).rpartition("/")[2],
                "causal": mixer.causal,
                "parameters": sum(p.numel() for p in mixer.parameters()),
            }
            for index, (spec, mixer) in enumerate(zip(self.mixers, cast(TiledModel, model).each_mixer(), strict=True))
        ]
        return {"dim": self.dim, "hidden": self.hidden, "residual": self.residual, "bits": self.bits, "layers": rows}


class TiledModel(nn.Module):
    """numbers (B, channels, height, width) -> logits of the same shape, or (B, C); symbols (B, L) -> (B, L, V)."""

    def __init__(self, spec: Tiled, signature: Signature) -> None:
        super().__init__()
        self.signature = signature
        self.residual = spec.residual
        self.tiles: PixelTiles | SymbolTiles = (
            SymbolTiles(signature, spec.dim, bits=spec.bits)
            if signature.shape is None
            else PixelTiles(signature.shape, spec.dim)
        )
        self.length = self.tiles.length
        self.mixers = nn.ModuleList(mixer.build(dim=spec.dim, length=self.length) for mixer in spec.mixers)
        self.between = nn.ModuleList(Linear(spec.dim, spec.dim) for _ in spec.mixers[1:])
        self.hidden = nn.ModuleList(Linear(spec.dim, spec.dim) for _ in range(spec.hidden))
        self.norms = nn.ModuleList(LayerNorm().build(dim=spec.dim) for _ in range(spec.hidden))
        self.spelled = spec.bits and signature.shape is None
        self.head = Linear(spec.dim, self.tiles.numbers if self.spelled else signature.outputs)
        self.head.is_head = True  # type: ignore[assignment]  # read by optim.groups: a head is no hidden matrix

    @property
    def causal(self) -> bool:
        """Whether no logit sees a later symbol."""
        return self.signature.shape is None and all(mixer.causal for mixer in self.each_mixer())

    @property
    def max_length(self) -> int | None:
        """The longest input, None where there is no limit."""
        limits = [mixer.max_length for mixer in self.each_mixer() if mixer.max_length is not None]
        return min(limits, default=None)

    def each_mixer(self) -> Iterator[SequenceMixer]:
        """The mixers, first to last."""
        return cast(Iterator[SequenceMixer], iter(self.mixers))

    def forward(self, inputs: Tensor) -> Tensor:
        h = self._mixed(self.tiles(inputs, self.head.weight.dtype))
        if self.signature.shape is not None:
            h = h[:, -1]
        for linear, norm in zip(self.hidden, self.norms, strict=True):
            h = norm(F.relu(linear(h) + h if self.residual else linear(h)))
        logits: Tensor = self.head(h)
        if self.spelled:
            return logits @ bits_of(self.signature.vocabulary, logits).T
        return logits.view(inputs.shape) if self.signature.reconstructs else logits

    def _mixed(self, x: Tensor) -> Tensor:
        for index, mixer in enumerate(self.each_mixer()):
            if index:
                x = F.relu(self.between[index - 1](x))
            x = mixer(x)
        return x

    def flops(self, length: int) -> float:
        """Floating-point operations of one row's forward pass; a multiply-add counts as 2. Images are always whole."""
        whole = self.signature.shape is not None
        length = self.length if whole else length
        inner = sum(2.0 * length * cast(Linear, linear).weight.numel() for linear in self.between)
        behind = sum(2.0 * cast(Linear, linear).weight.numel() for linear in (*self.hidden, self.head))
        return sum(mixer.flops(length) for mixer in self.each_mixer()) + inner + behind * (1 if whole else length)
