"""Penalties for what a text says again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Penalties"]


@dataclass(frozen=True)
class Penalties:
    """What is taken from symbols that the text, its prompt included, holds already.

    repetition: logits of such symbols are divided by it where positive, else multiplied (CTRL, arXiv 1909.05858).
    no_repeat_ngram: no n symbols in a row come twice, n at least 2 (arXiv 1705.04304).
    """

    repetition: float = 1.0
    no_repeat_ngram: int | None = None

    def __post_init__(self) -> None:
        if not self.repetition > 0:
            raise ValueError(
                f"the repetition penalty is {self.repetition}; it must be above 0, and 1 penalises nothing."
            )
        if self.no_repeat_ngram is not None and self.no_repeat_ngram < 2:
            raise ValueError(f"no-repeat-ngram is {self.no_repeat_ngram}; it must be at least 2 symbols.")

    @property
    def act(self) -> bool:
        """Whether anything is penalised."""
        return self.repetition != 1.0 or self.no_repeat_ngram is not None

    def on(self, logits: Tensor, history: Sequence[int]) -> Tensor:
        """logits (V,) and all symbols so far -> new logits (V,)."""
        if not self.act:
            return logits
        logits = logits.clone()
        if self.repetition != 1.0:
            said = torch.tensor(sorted(set(history)), device=logits.device)
            held = logits[said]
            logits[said] = torch.where(held > 0, held / self.repetition, held * self.repetition)
        if self.no_repeat_ngram is not None:
            logits[self._forbidden(history, self.no_repeat_ngram)] = -torch.inf
        return logits

    @staticmethod
    def _forbidden(history: Sequence[int], n: int) -> list[int]:
        """The symbols that followed the last n - 1 ones before."""
        last = tuple(history[1 - n :])
        before = range(len(history) - n + 1)
        return [history[at + n - 1] for at in before if tuple(history[at : at + n - 1]) == last]
