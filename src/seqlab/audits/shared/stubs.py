"""Models with known answers: what a task's loss and metrics say of them is known beforehand."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["SURE", "Copier", "HalfRight", "Peeker", "Stub", "Uniform"]

SURE = 30.0
"""The logit of the symbol that a stub predicts; all others have 0, so its probability is 1 - V e^-30."""


class Stub(nn.Module):
    """A model without anything to learn; it notes how it is called."""

    causal = True
    max_length = None

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.weight = nn.Parameter(torch.zeros(1))  # a task asks a model's parameters for its device and dtype
        self.modes: list[tuple[bool, bool]] = []
        """Of every call: in training mode, with gradients."""

    def forward(self, tokens: Tensor, lengths: Tensor | None = None) -> Tensor:
        self.modes.append((self.training, torch.is_grad_enabled()))
        return self.logits(tokens)

    def logits(self, tokens: Tensor) -> Tensor:
        raise NotImplementedError

    def sure_of(self, symbols: Tensor) -> Tensor:
        """Logits (..., V) that are sure of these symbols."""
        logits = self.weight.new_zeros(*symbols.shape, self.vocabulary)
        return logits.scatter_(-1, symbols[..., None], SURE)


class Uniform(Stub):
    """Every symbol is equally likely: the loss is ln V."""

    def logits(self, tokens: Tensor) -> Tensor:
        return self.weight.new_zeros(*tokens.shape, self.vocabulary)


class Copier(Stub):
    """Predicts the symbol it has just read: right only where targets are inputs."""

    def logits(self, tokens: Tensor) -> Tensor:
        return self.sure_of(tokens)


class Peeker(Stub):
    """Predicts at each position the symbol that stands `ahead` positions later in the input of row + `rows`; at the
    end, where the input tells nothing, the last one."""

    def __init__(self, vocabulary: int, ahead: int = 1, rows: int = 0) -> None:
        super().__init__(vocabulary)
        self.ahead, self.rows = ahead, rows

    def logits(self, tokens: Tensor) -> Tensor:
        shifted = torch.roll(tokens, -self.rows, 0)
        place = (torch.arange(tokens.shape[1], device=tokens.device) + self.ahead).clamp(0, tokens.shape[1] - 1)
        return self.sure_of(shifted[:, place])


class HalfRight(Peeker):
    """Predicts the next symbol at even positions, and another than that at odd ones."""

    def logits(self, tokens: Tensor) -> Tensor:
        place = (torch.arange(tokens.shape[1], device=tokens.device) + 1).clamp(0, tokens.shape[1] - 1)
        odd = torch.arange(tokens.shape[1], device=tokens.device) % 2
        return self.sure_of((tokens[:, place] + odd) % self.vocabulary)
