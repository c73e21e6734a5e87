"""How a row enters a model: symbols through an embedding, pixels one by one through a linear."""

from __future__ import annotations

import math

from torch import Tensor, nn

from seqlab.data.signature import Signature
from seqlab.nn.linear import Linear
from seqlab.nn.rows import lengths_of

__all__ = ["NumberEntrance", "SymbolEntrance"]


class SymbolEntrance(nn.Module):
    """symbols (B, L) int64 -> (B, L, D), and the true lengths (B,) of rows that padding fills up (none: all full)."""

    def __init__(self, signature: Signature, dim: int) -> None:
        super().__init__()
        self.length, self.padding = signature.length, signature.padding
        self.embedding = nn.Embedding(signature.vocabulary, dim)

    @property
    def table(self) -> Tensor:
        """The embedding (V, D), which the model draws by its own law."""
        return self.embedding.weight

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor | None]:
        return self.embedding(tokens), None if self.padding is None else lengths_of(tokens, self.padding)

    def flops(self, length: int) -> float:
        """None: an embedding is looked up."""
        return 0.0


class NumberEntrance(nn.Module):
    """images (B, channels, height, width), line by line, or features (B, L), one by one -> (B, L, D): their numbers
    less `mean` over `deviation`, through a linear that all positions share. Rows are full: the second result is None.
    """

    table = None

    def __init__(self, shape: tuple[int, ...], dim: int, mean: float, deviation: float) -> None:
        super().__init__()
        self.mean, self.deviation = mean, deviation
        self.channels = shape[0] if len(shape) > 1 else 1
        self.length = math.prod(shape) // self.channels
        self.linear = Linear(self.channels, dim)

    def forward(self, numbers: Tensor) -> tuple[Tensor, None]:
        pixels = numbers.reshape(len(numbers), self.channels, -1).transpose(1, 2)
        return self.linear(((pixels - self.mean) / self.deviation).to(self.linear.weight.dtype)), None

    def flops(self, length: int) -> float:
        """Floating-point operations of one row; a multiply-add counts as 2."""
        return 2.0 * length * self.linear.weight.numel()
