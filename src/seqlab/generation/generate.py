"""Generate symbols from a language model: the prompt in one pass, then one step a symbol."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor

from seqlab.generation.sampling import Sampling
from seqlab.generation.steps import StepModel, Steps
from seqlab.mixers import State

__all__ = ["GenerativeModel", "generate"]


class GenerativeModel(StepModel, Protocol):
    """What generation asks of a model."""

    @property
    def max_length(self) -> int | None:
        """Symbols that fit in its state, None where there is no limit."""

    def prefill(self, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """tokens (B, L) -> logits after the last symbol (B, V), and the state."""


@torch.inference_mode()
def generate(model: GenerativeModel, prompt: list[int], count: int, sampling: Sampling, seed: int = 0) -> Iterator[int]:
    """`count` symbols after the prompt (at least one symbol), each as soon as it is drawn.

    A model with a longest length keeps the newest half of its context when that is full, and reads it again: what
    lies further back is forgotten, as it must be.
    """
    if not prompt:
        raise ValueError("the prompt is empty; generation needs at least one symbol to start from.")
    if not -(2**63) <= seed < 2**64:
        raise ValueError(f"the seed is {seed}; it must fit in 64 bits.")
    generator = torch.Generator().manual_seed(seed)
    history = list(prompt)
    limit = model.max_length
    logits, state = model.prefill(_window(history, limit))
    steps = Steps(model, state)
    held = min(len(history), limit) if limit is not None else len(history)
    for index in range(count):
        symbol = int(sampling.draw(logits, generator))
        yield symbol
        history.append(symbol)
        if index == count - 1:
            return
        if limit is not None and held >= limit:
            kept = max(1, limit // 2)
            logits, state = model.prefill(_window(history, kept))
            steps, held = Steps(model, state), kept
        else:
            logits = steps.step(torch.tensor([symbol]))
            held += 1


def _window(history: list[int], limit: int | None) -> Tensor:
    return torch.tensor([history if limit is None else history[-limit:]])
