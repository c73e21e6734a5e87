"""Many texts written together, one step for all of them: a text joins or leaves between two steps."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from seqlab.generation.course import GenerativeModel
from seqlab.generation.prompts import PromptCache
from seqlab.generation.steps import Steps
from seqlab.generation.text import Drawn, Order, Text, generator_of, must_fit
from seqlab.mixers import State

__all__ = ["Batch"]

SETTLED = 8
"""Steps of the same texts after which their steps are recorded, which costs a few: not while texts come and go."""


class Batch:
    """The texts that one model writes at the moment.

    Each row has its own prompt, length, sampling and seed, and is what it would be alone, up to rounding. A text that
    would outgrow the model's longest context is refused. prompts: what was read before, so that it is not read again.
    """

    def __init__(self, model: GenerativeModel, prompts: PromptCache | None = None):
        self.model, self.prompts = model, prompts
        self.texts: list[Text] = []
        self._state: State = {}
        self._steps: Steps | None = None
        self._unchanged = 0

    @torch.inference_mode()
    def join(self, order: Order) -> tuple[Text, Drawn]:
        """Read a prompt; the text, and its first symbol. Raises ValueError where model and order do not fit."""
        self._check(order)
        logits, state = self._read(order.prompt)
        text = Text(order, generator_of(order.seed))
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

    def _read(self, prompt: tuple[int, ...]) -> tuple[Tensor, State]:
        if self.prompts is None:
            return self.model.prefill(torch.tensor([prompt]))
        return self.prompts.read(self.model, prompt)

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
