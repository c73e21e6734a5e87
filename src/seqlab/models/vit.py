"""Vision transformer: an image as a sequence of patches behind a class token (arXiv 2010.11929)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn

from seqlab.data.signature import Signature
from seqlab.models import Block, BlockModule, Model, layer_card, reads_numbers
from seqlab.nn.inits import Init, initialise
from seqlab.nn.inits.lecun import LeCun
from seqlab.nn.inits.normal import Normal
from seqlab.nn.linear import Linear
from seqlab.nn.norms import Norm
from seqlab.nn.norms.layernorm import LayerNorm
from seqlab.spec import Field, SpecError, label

__all__ = ["ViT", "VisionTransformer"]


class ViT(Model):
    """Puts an image into a class, read at the class token; every mixer may look both ways (`causal=false`).

    Linears are drawn by `init`, biases begin at zero, as does the class token; learned positions by `position_init`.
    """

    dim: int = Field(default=48, ge=1)
    """Width of the residual stream."""
    layers: tuple[Block, ...]
    """The blocks, first to last."""
    patch: int = Field(default=4, ge=1)
    """Height and width of a patch in pixels; it divides those of the image."""
    norm: Norm = LayerNorm()
    """The norm before the head."""
    init: Init = LeCun()
    """Law of every linear."""
    position_init: Init = Normal()
    """Law of the positions, which are added to the class token and the patches; fan-in and fan-out are D."""

    def check(self) -> None:
        if not self.layers:
            raise SpecError("models/vit needs at least one layer in `layers`.")

    def build(self, signature: Signature) -> VisionTransformer:
        shape = reads_numbers(self, signature)
        if len(shape) != 3 or shape[1] % self.patch or shape[2] % self.patch:
            raise SpecError(
                f"models/vit cuts images (channels, height, width) into patches of {self.patch} x {self.patch}, and "
                f"the task's inputs are {shape}; set `model.patch` to a divisor of height and width."
            )
        return VisionTransformer(self, shape, signature.outputs)

    def card(self, model: nn.Module) -> dict[str, Any]:
        transformer = cast(VisionTransformer, model)
        return {
            "dim": self.dim,
            "patch": self.patch,
            "positions": len(transformer.positions),
            "norm": label(type(self.norm)),
            "layers": [
                layer_card(index, spec, block)
                for index, (spec, block) in enumerate(zip(self.layers, transformer.each_block(), strict=True))
            ],
        }


class VisionTransformer(nn.Module):
    """images (B, channels, height, width) -> logits (B, C), in the parameters' dtype."""

    def __init__(self, spec: ViT, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        channels, height, width = shape
        self.size = spec.patch
        length = 1 + height // self.size * (width // self.size)
        self.patch = Linear(channels * self.size**2, spec.dim)
        self.token = nn.Parameter(torch.zeros(spec.dim))
        self.positions = nn.Parameter(torch.empty(length, spec.dim))
        self.blocks = nn.ModuleList(block.build(dim=spec.dim, length=length) for block in spec.layers)
        self.norm = spec.norm.build(dim=spec.dim)
        self.head = Linear(spec.dim, classes)
        self.head.is_head = True  # type: ignore[assignment]  # read by optim.groups: a head is no hidden matrix
        initialise(self, spec.init)
        nn.init.normal_(self.positions, 0.0, spec.position_init.std(spec.dim, spec.dim))

    def forward(self, images: Tensor) -> Tensor:
        patches = self.patch(self._cut(images).to(self.patch.weight.dtype))
        x = torch.cat([self.token.expand(len(images), 1, -1), patches], 1) + self.positions
        for block in self.each_block():
            x = block(x)
        return cast(Tensor, self.head(self.norm(x[:, 0])))

    def _cut(self, images: Tensor) -> Tensor:
        """(B, channels, height, width) -> (B, patches, channels * size^2), line by line."""
        rows, channels, height, width = images.shape
        grid = images.reshape(rows, channels, height // self.size, self.size, width // self.size, self.size)
        return grid.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)

    def each_block(self) -> Iterator[BlockModule]:
        """The layers, first to last."""
        return cast(Iterator[BlockModule], iter(self.blocks))

    def flops(self, length: int = 1) -> float:
        """Floating-point operations of one image's forward pass; a multiply-add counts as 2."""
        positions = len(self.positions)
        ends = (positions - 1) * self.patch.weight.numel() + self.head.weight.numel()
        return sum(block.flops(positions) for block in self.each_block()) + 2.0 * ends
