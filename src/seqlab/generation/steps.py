"""The steps of one batch: recorded at the first where that can be, and repeated without Python's share of them."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from seqlab.kernels.replay import CannotReplay, Replay
from seqlab.kernels.taken import take
from seqlab.mixers import State

__all__ = ["StepModel", "Steps"]


class StepModel(Protocol):
    """What is asked of a model."""

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens (B,) and the state -> logits (B, V) and the new state."""


class Steps:
    """A model's steps from a state on, which is copied; use in torch.inference_mode().

    Where every state keeps its shape and no value is looked at, the second step is recorded and repeated (on the CPU);
    else the model takes every step anew. The weights must stay where they are. The values are the same either way.
    """

    def __init__(self, model: StepModel, state: State) -> None:
        self._model = model
        self.state = {name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in state.items()}
        """The state after the last step."""
        self._tokens = torch.empty(0, dtype=torch.int64)
        self._replay: Replay[Tensor] | None = None
        self._records = all(tensor.device.type == "cpu" for tensor in state.values())
        self._begun = False

    def step(self, tokens: Tensor) -> Tensor:
        """tokens (B,) -> logits (B, V), which the next step overwrites."""
        if self._replay is not None:
            self._tokens.copy_(tokens)
            self._replay()
            return self._replay.result
        if self._records and self._begun:
            before = {name: tensor.clone() for name, tensor in self.state.items()}
            try:
                return self._recorded(tokens)
            except CannotReplay:
                self._records, self.state = False, before
        self._begun = True  # what modules look up once, they have looked up now
        take("step", "each anew")
        logits, self.state = self._model.step(tokens, self.state)
        return logits

    def _recorded(self, tokens: Tensor) -> Tensor:
        self._tokens = tokens.clone()
        self._replay = Replay(self._in_place)
        take("step", "replayed")
        return self._replay.result

    def _in_place(self) -> Tensor:
        """One step that leaves the new state where the old one was."""
        logits, after = self._model.step(self._tokens, dict(self.state))
        for name, held in self.state.items():
            if after[name].shape != held.shape:
                raise CannotReplay(f"the state `{name}` changes its shape")
            if after[name] is not held:
                held.copy_(after[name])
        return logits
