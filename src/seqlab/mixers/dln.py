"""DLN, the dimensionless network: every feature is remembered by an oscillator of its own that fades and turns."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from seqlab.kernels.scan import scan
from seqlab.mixers import Mixer, SequenceMixer, State, fresh_position
from seqlab.nn.memory import Memory, forgetting
from seqlab.nn.rows import at_the_end, positions_seen

__all__ = ["DLN", "DampedFourier"]


class DLN(Mixer):
    """y_l = Re s_l with s_l = z s_{l-1} + x_l and z = size e^{i theta}, feature by feature; inputs of any length.

    The state is a damped Fourier transform of the past at one frequency for each feature. There are no linears:
    `tdln` with a large time bias is this recurrence behind one. The memory is drawn by its own law.
    """

    source: ClassVar[str] = "randomekek/sequence, August 2023; LRU, arXiv 2303.06349"
    complexity: ClassVar[str] = "L"

    memory: Memory = Memory()
    """Size and theta: how they are drawn, and whether they are trained."""

    def build(self, *, dim: int, length: int) -> DampedFourier:
        return DampedFourier(self, dim)


class DampedFourier(SequenceMixer):
    """State: `memory` (B, 2, D), s after the last position as real and imaginary part, in float32 or wider."""

    causal = True
    max_length = None
    resets = True
    holds_input = True

    def __init__(self, spec: DLN, dim: int) -> None:
        super().__init__()
        self.memory = spec.memory.build(dim=dim)

    def reset_parameters(self) -> None:
        self.memory.reset_parameters()

    def param_groups(self) -> list[dict[str, Any]]:
        return self.memory.param_groups()

    def _check_dtype(self, x: Tensor) -> None:
        """There is nothing but the memory, which takes every dtype that computes in its own."""
        own = self.memory.dtype
        if not x.is_floating_point() or torch.promote_types(x.dtype, torch.float32) != own:
            raise ValueError(f"DampedFourier remembers in {own} and was given {x.dtype}; convert either.")

    def forward(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> Tensor:
        self.check(x, lengths, starts)
        return self._states(x, starts)[:, :, 0].to(x.dtype)

    def _states(self, x: Tensor, starts: Tensor | None) -> Tensor:
        """(B, L, 2, D). Right padding lies in the future of every real position."""
        decay = self.memory.decay()
        return scan(x[:, :, None].to(decay.dtype), forgetting(decay, starts))

    def kept(self, x: Tensor) -> dict[str, Tensor]:
        return {"": self.memory.decay().norm(dim=0)}

    def prefill(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> tuple[Tensor, State]:
        self.check(x, lengths, starts)
        states = self._states(x, starts)
        last = at_the_end(states, lengths)
        return states[:, :, 0].to(x.dtype), {"memory": last, "position": positions_seen(x, lengths, starts)}

    def init_state(self, batch: int) -> State:
        return {"memory": self.memory.fresh_states(batch), "position": fresh_position(batch, self.memory.size.device)}

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        self.check_state(x_t, state)
        decay = self.memory.decay()
        state["memory"] = scan(x_t[:, None, None].to(decay.dtype), decay, state["memory"])[:, 0]
        state["position"] = state["position"] + 1
        return state["memory"][:, 0].to(x_t.dtype), state

    def state_bytes(self, batch: int, length: int) -> int:
        return batch * (self.memory.fresh_states().nbytes + 8)

    def flops(self, length: int) -> float:
        """A complex product and a real sum for each feature."""
        return 9.0 * length * len(self.memory.size)
