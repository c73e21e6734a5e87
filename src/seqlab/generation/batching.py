"""Many texts written together, one step for all of them: a text joins or leaves between two steps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from seqlab.generation.generate import GenerativeModel
from seqlab.generation.penalties import Penalties
from seqlab.generation.sampling import Sampling
from seqlab.generation.steps import Steps
from seqlab.mixers import State

__all__ = ["Batch", "Drawn", "Order", "Text", "must_fit"]

SETTLED = 8
"""Steps of the same texts after which their steps are recorded, which costs a few: not while texts come and go."""


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


class Batch:
    """The texts that one model writes at the moment.

    Each row has its own prompt, length, sampling and seed, and is what it would be alone, up to rounding. A text that
    would outgrow the model's longest context is refused.
    """

    def __init__(self, model: GenerativeModel):
        self.model = model
        self.texts: list[Text] = []
        self._state: State = {}
        self._steps: Steps | None = None
        self._unchanged = 0

    @torch.inference_mode()
    def join(self, order: Order) -> tuple[Text, Drawn]:
        """Read a prompt; the text, and its first symbol. Raises ValueError where model and order do not fit."""
        self._check(order)
        logits, state = self.model.prefill(torch.tensor([order.prompt]))
        text = Text(order, torch.Generator().manual_seed(order.seed))
        drawn = text.take(logits[0])
        if text.ended is None:
            self.texts.append(text)
            self._change(_joined(self._present(), state))
        return text, drawn

    @torch.inference_mode()
    def step(self) -> list[tuple[Text, Drawn]]:
        """One further symbol of each text; those that are complete with it leave."""
        if not self.texts:
            return []
        logits = self._logits(torch.tensor([text.written[-1] for text in self.texts]))
        drawn = [(text, text.take(row)) for text, row in zip(self.texts, logits, strict=True)]
        self.leave(text for text, _ in drawn if text.ended is not None)
        return drawn

    @torch.inference_mode()
    def leave(self, texts: Iterable[Text]) -> None:
        """Go on without these; one that is not here any more is passed over."""
        gone = set(map(id, texts))
        kept = [row for row, text in enumerate(self.texts) if id(text) not in gone]
        if len(kept) == len(self.texts):
            return
        self.texts = [self.texts[row] for row in kept]
        self._change({name: entry[kept] for name, entry in self._present().items()} if kept else {})

    def _logits(self, symbols: Tensor) -> Tensor:
        self._unchanged += 1
        if self._steps is None and self._unchanged > SETTLED:
            self._steps = Steps(self.model, self._state)
        if self._steps is not None:
            return self._steps.step(symbols)
        logits, self._state = self.model.step(symbols, self._state)
        return logits

    def _present(self) -> State:
        """The state of the texts that are here."""
        return self._state if self._steps is None else self._steps.state

    def _change(self, state: State) -> None:
        self._state, self._steps, self._unchanged = state, None, 0

    def _check(self, order: Order) -> None:
        if not order.prompt or order.count < 1:
            raise ValueError("a text needs at least one symbol to start from and one to write.")
        must_fit(order, self.model.max_length)


def _joined(state: State, new: State) -> State:
    return {name: torch.cat([state[name], entry]) for name, entry in new.items()} if state else new


def _told(symbol: int, logits: Tensor, alternatives: int | None) -> Drawn:
    if alternatives is None:
        return Drawn(symbol)
    logs = logits.to(torch.promote_types(logits.dtype, torch.float32)).log_softmax(-1)
    best = logs.topk(min(alternatives, len(logs)))
    likeliest = tuple(zip(best.indices.tolist(), best.values.tolist(), strict=True))
    return Drawn(symbol, float(logs[symbol]), likeliest)
