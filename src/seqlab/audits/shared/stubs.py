"""Models with known answers: what a task's loss and metrics say of them is known beforehand."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = [
    "SURE",
    "Constant",
    "Contrary",
    "Copier",
    "Partly",
    "Peeker",
    "Priced",
    "RunnerUp",
    "Stub",
    "Told",
    "Uniform",
    "Wrapper",
]

SURE = 20.0
"""The logit of the symbol that a stub predicts; all others have 0, so its probability is 1 - V e^-20, and theirs are
above the 1e-10 at which hand-written losses clip them."""


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
        self.shown: list[Tensor] = []
        """What each call was given to read."""

    def forward(self, tokens: Tensor, *others: Tensor, **named: Tensor) -> Tensor:
        self.modes.append((self.training, torch.is_grad_enabled()))
        self.shown.append(tokens.detach().cpu())
        return self.logits(tokens) + 0.0 * self.weight

    def logits(self, tokens: Tensor) -> Tensor:
        raise NotImplementedError

    def sure_of(self, symbols: Tensor) -> Tensor:
        """Logits (..., V) that are sure of these symbols."""
        logits = self.weight.new_zeros(*symbols.shape, self.vocabulary)
        return logits.scatter_(-1, symbols[..., None], SURE)


class Uniform(Stub):
    """Every symbol is equally likely, with the logit `level`: the loss is ln V."""

    def __init__(self, vocabulary: int, level: float = 0.0, *, rows_only: bool = False) -> None:
        super().__init__(vocabulary)
        self.level, self.rows_only = level, rows_only

    def logits(self, tokens: Tensor) -> Tensor:
        shape = tokens.shape[:1] if self.rows_only else tokens.shape[:2]
        return self.weight.new_full((*shape, self.vocabulary), self.level)


class Priced(Stub):
    """Each symbol has a price (V,), wherever it stands: the loss is the mean price of the targets and `level`."""

    def __init__(self, prices: Tensor) -> None:
        super().__init__(len(prices))
        self.register_buffer("prices", prices)
        self.level = float(torch.logsumexp(-prices.double(), 0))

    def logits(self, tokens: Tensor) -> Tensor:
        return -self.get_buffer("prices").expand(*tokens.shape[:2], -1)


class Constant(Stub):
    """Predicts the same class for everything: logits (B, V) for whole rows (B, ...)."""

    def __init__(self, vocabulary: int, answer: int) -> None:
        super().__init__(vocabulary)
        self.answer = answer

    def logits(self, tokens: Tensor) -> Tensor:
        return self.sure_of(torch.full(tokens.shape[:1], self.answer, device=tokens.device))


class Told(Stub):
    """Sure of the symbols (B, L) that it was told, whatever it reads."""

    def __init__(self, vocabulary: int, symbols: Tensor) -> None:
        super().__init__(vocabulary)
        self.symbols = symbols % vocabulary

    def logits(self, tokens: Tensor) -> Tensor:
        return self.sure_of(self.symbols)


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
        return self.sure_of(self.answers(tokens))

    def answers(self, tokens: Tensor) -> Tensor:
        shifted = torch.roll(tokens, -self.rows, 0)
        place = (torch.arange(tokens.shape[1], device=tokens.device) + self.ahead).clamp(0, tokens.shape[1] - 1)
        return shifted[:, place]


class Contrary(Peeker):
    """Sure of another symbol than the next one: always wrong."""

    def answers(self, tokens: Tensor) -> Tensor:
        return (super().answers(tokens) + 1) % self.vocabulary


class RunnerUp(Contrary):
    """Sure of another symbol than the next one, which comes second."""

    def logits(self, tokens: Tensor) -> Tensor:
        return super().logits(tokens) + self.sure_of(Peeker.answers(self, tokens)) / 2


class Wrapper(Peeker):
    """As one that sees what comes next; at the end it predicts the row's first symbol."""

    def answers(self, tokens: Tensor) -> Tensor:
        return torch.roll(tokens, -1, 1)


class Partly(Peeker):
    """Sure of the next symbol at about 6 in 10 positions, and of another one elsewhere."""

    def answers(self, tokens: Tensor) -> Tensor:
        place = torch.arange(tokens.shape[1], device=tokens.device)
        wrong = (tokens.cumsum(1) * 7919 + place * 104729) % 1000 >= 600
        return (super().answers(tokens) + wrong) % self.vocabulary
