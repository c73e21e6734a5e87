"""What a mixer may see beside its input: the state of another mixer, which remembers farther back."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from seqlab.kernels.rms_norm import rms_norm
from seqlab.mixers import Mixer, State
from seqlab.nn.inits import inner
from seqlab.nn.linear import Linear
from seqlab.spec import SpecError

__all__ = ["Recollection"]

PREFIX = "memory/"


class Recollection(nn.Module):
    """rms([x, s]) with s = memory(W rms(x)): (B, L, D) -> (B, L, D + M), for a memory of M features.

    The norms, over the features of one position, have no weight. W is drawn by torch's default. State: the memory's,
    its names behind `memory/`. Raises SpecError for a memory that is not causal.
    """

    def __init__(self, memory: Mixer, dim: int, features: int, length: int) -> None:
        super().__init__()
        self.project = Linear(dim, features, bias=False)
        self.memory = inner(memory.build(dim=features, length=length))
        if not self.memory.causal:
            raise SpecError("a memory that sees the future cannot be kept step by step; choose a causal mixer for it.")

    def reset_parameters(self) -> None:
        self.project.reset_parameters()
        self.memory.reset_parameters()

    def param_groups(self) -> list[dict[str, Any]]:
        return self.memory.param_groups()

    def forward(self, x: Tensor, lengths: Tensor | None, starts: Tensor | None) -> Tensor:
        return _joined(x, self.memory(self._asked(x), lengths, starts))

    def prefill(self, x: Tensor, lengths: Tensor | None, starts: Tensor | None) -> tuple[Tensor, State]:
        s, state = self.memory.prefill(self._asked(x), lengths, starts)
        return _joined(x, s), _named(state)

    def init_state(self, batch: int) -> State:
        return _named(self.memory.init_state(batch))

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        """One position; of the state, what stands behind `memory/` is the memory's."""
        own = {name.removeprefix(PREFIX): tensor for name, tensor in state.items() if name.startswith(PREFIX)}
        s_t, own = self.memory.step(self._asked(x_t), own)
        return _joined(x_t, s_t), _named(own)

    def _asked(self, x: Tensor) -> Tensor:
        asked: Tensor = self.project(rms_norm(x))
        return asked

    def flops(self, length: int) -> float:
        return 2.0 * length * self.project.weight.numel() + self.memory.flops(length)


def _joined(x: Tensor, s: Tensor) -> Tensor:
    return rms_norm(torch.cat([x, s], dim=-1))


def _named(state: State) -> State:
    return {f"{PREFIX}{name}": tensor for name, tensor in state.items()}
