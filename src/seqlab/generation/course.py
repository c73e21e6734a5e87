"""A text as a model reads it: what it has seen of it, and what it expects next."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import torch
from torch import Tensor

from seqlab.generation.steps import StepModel, Steps
from seqlab.mixers import State

__all__ = ["Course", "GenerativeModel"]


class GenerativeModel(StepModel, Protocol):
    """What generation asks of a model."""

    @property
    def max_length(self) -> int | None:
        """Symbols that fit in its state, None where there is no limit."""

    def prefill(self, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """tokens (B, L) -> logits after the last symbol (B, V), and the state."""

    def read_on(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """The symbols after those of a state: tokens (B, L) -> logits after the last one (B, V), and the state."""


class Course:
    """All symbols of one text, of which the last `unread` ones are read when the next one is asked for.

    A model with a longest length keeps the newest half of its context when that is full, and reads it again: what lies
    further back is forgotten, as it must be. Use in torch.inference_mode().
    """

    def __init__(self, model: GenerativeModel, symbols: Iterable[int]) -> None:
        self.symbols = list(symbols)
        if not self.symbols:
            raise ValueError("the prompt is empty; generation needs at least one symbol to start from.")
        self.unread = len(self.symbols)
        self._model = model
        self._held = 0  # how many of the symbols before the unread ones the state holds
        self._state: State = {}
        self._steps: Steps | None = None
        self._logits: Tensor | None = None

    @classmethod
    def resumed(
        cls, model: GenerativeModel, symbols: Iterable[int], unread: int, held: int, state: State, logits: Tensor | None
    ) -> Course:
        """One that goes on from a state; logits (1, V) where nothing is unread."""
        course = cls(model, symbols)
        course.unread, course._held, course._state, course._logits = unread, held, state, logits
        return course

    @property
    def state(self) -> State:
        """After the symbols that were read; {} before any."""
        return self._state if self._steps is None else self._steps.state

    @property
    def held(self) -> int:
        """How many symbols before the unread ones the state holds."""
        return self._held

    @property
    def known(self) -> Tensor | None:
        """The logits (1, V) for the next symbol; None where something is unread."""
        return self._logits

    def append(self, *symbols: int) -> None:
        """Symbols that follow."""
        self.symbols += symbols
        self.unread += len(symbols)
        if symbols:
            self._logits = None

    def logits(self) -> Tensor:
        """(1, V), for the next symbol; the next call overwrites them."""
        if self._logits is None:
            self._logits = self._read(self.symbols[-self.unread :])
            self.unread = 0
        return self._logits

    def _read(self, symbols: list[int]) -> Tensor:
        limit = self._model.max_length
        if not self._held:
            return self._anew(limit)
        if limit is not None and self._held + len(symbols) > limit:
            return self._anew(max(1, limit // 2))
        self._held += len(symbols)
        if len(symbols) == 1:
            self._steps = self._steps or Steps(self._model, self._state)
            return self._steps.step(torch.tensor(symbols))
        logits, self._state = self._model.read_on(torch.tensor([symbols]), self.state)
        self._steps = None
        return logits

    def _anew(self, newest: int | None) -> Tensor:
        """Read the newest symbols from nothing; None: all."""
        window = self.symbols if newest is None else self.symbols[-newest:]
        logits, self._state = self._model.prefill(torch.tensor([window]))
        self._steps, self._held = None, len(window)
        return logits
