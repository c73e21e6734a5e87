"""One text: what is to be written, and the symbols that are drawn for it."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from seqlab.generation.penalties import Penalties
from seqlab.generation.sampling import Sampling

__all__ = ["Drawn", "Order", "Text", "generator_of", "must_fit"]


@dataclass(frozen=True)
class Order:
    """What is to be written: up to `count` symbols (at least one) after the prompt (at least one symbol)."""

    prompt: tuple[int, ...]
    count: int
    sampling: Sampling = field(default_factory=Sampling)
    penalties: Penalties = field(default_factory=Penalties)
    seed: int = 0
    ends: frozenset[int] = frozenset()
    """Symbols that end the text, the last of it."""
    alternatives: int | None = None
    """Log-probabilities are told: of each symbol, and of that many likeliest ones."""


def generator_of(seed: int) -> torch.Generator:
    """The stream of draws that a seed begins. Raises ValueError for one of more than 64 bits."""
    if not -(2**63) <= seed < 2**64:
        raise ValueError(f"the seed is {seed}; it must fit in 64 bits.")
    return torch.Generator().manual_seed(seed)


def must_fit(order: Order, limit: int | None) -> None:
    """Raise ValueError where prompt and text are longer together than what a model holds; None: any length."""
    needed = len(order.prompt) + order.count
    if limit is not None and needed > limit:
        raise ValueError(
            f"the prompt has {len(order.prompt):,} symbols and {order.count:,} are to be written, {needed:,} "
            f"together; the model holds {limit:,}."
        )


@dataclass(frozen=True)
class Drawn:
    """A symbol, and where it was asked for its log-probability (before temperature) and those of the likeliest."""

    symbol: int
    log_probability: float | None = None
    likeliest: tuple[tuple[int, float], ...] = ()


@dataclass(eq=False)
class Text:
    """A text that is being written. ended: why it is complete, `stop` or `length`."""

    order: Order
    generator: torch.Generator
    written: list[int] = field(default_factory=list)
    ended: str | None = None

    def take(self, logits: Tensor) -> Drawn:
        """The next symbol, from the logits (V,) for it."""
        order = self.order
        weighed = logits
        if order.penalties.act:
            weighed = order.penalties.on(logits, [*order.prompt, *self.written])
        symbol = int(order.sampling.draw(weighed[None], self.generator))
        self.written.append(symbol)
        if symbol in order.ends:
            self.ended = "stop"
        elif len(self.written) >= order.count:
            self.ended = "length"
        return _told(symbol, logits, order.alternatives)


def _told(symbol: int, logits: Tensor, alternatives: int | None) -> Drawn:
    if alternatives is None:
        return Drawn(symbol)
    logs = logits.to(torch.promote_types(logits.dtype, torch.float32)).log_softmax(-1)
    best = logs.topk(min(alternatives, len(logs)))
    likeliest = tuple(zip(best.indices.tolist(), best.values.tolist(), strict=True))
    return Drawn(symbol, float(logs[symbol]), likeliest)
