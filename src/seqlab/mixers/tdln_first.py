"""The first TDLN: the time that passes is a matrix product alone, and an input is weighed by the time before it."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from seqlab.kernels.scan import scan
from seqlab.mixers import Mixer, SequenceMixer, State, fresh_position
from seqlab.nn.gate import Gate
from seqlab.nn.memory import Memory, forgetting
from seqlab.nn.rows import at_the_end, positions_seen

__all__ = ["FirstTDLN", "FirstTimedOscillators"]


class FirstTDLN(Mixer):
    """y_l = Re s_l with t_l = sigmoid(x_l W) and s_l = z^{t_l} s_{l-1} + t_{l-1} x_l, where z = size e^{i theta} and
    the first input of a document has weight 1; inputs of any length.

    `tdln` is the form that its author kept. W (D, D) is drawn by N(0, 1), whatever D is.
    """

    source: ClassVar[str] = "randomekek/sequence, 10 August 2023, 20:29"
    complexity: ClassVar[str] = "L"

    memory: Memory = Memory()
    """Size and theta: how they are drawn, and whether they are trained."""

    def build(self, *, dim: int, length: int) -> FirstTimedOscillators:
        return FirstTimedOscillators(self, dim)


class FirstTimedOscillators(SequenceMixer):
    """State: `memory` (B, 2, D), s after the last position as real and imaginary part, and `weight` (B, D), the
    weight of the next input; both in float32 or wider."""

    causal = True
    max_length = None
    resets = True

    def __init__(self, spec: FirstTDLN, dim: int) -> None:
        super().__init__()
        self.time = nn.Parameter(torch.empty(dim, dim))
        self.memory = spec.memory.build(dim=dim)
        nn.init.normal_(self.time)

    def reset_parameters(self) -> None:
        nn.init.normal_(self.time)
        self.memory.reset_parameters()

    def param_groups(self) -> list[dict[str, Any]]:
        return self.memory.param_groups()

    def forward(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> Tensor:
        self.check(x, lengths, starts)
        return self._mix(x, self.init_state(len(x)), starts)[0]

    def _mix(self, x: Tensor, before: State, starts: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """y, the states (B, L, 2, D) and the times (B, L, D). Right padding lies in the future of every position."""
        wide = self.memory.dtype
        time = self._passed(x)
        weight = torch.cat([before["weight"][:, None], time[:, :-1]], dim=1)
        if starts is not None:
            weight = torch.where(starts[..., None], 1, weight)
        decay = forgetting(self.memory.elapsed(time), starts)
        states = scan((weight * x.to(wide))[:, :, None], decay, before["memory"])
        return states[:, :, 0].to(x.dtype), states, time

    def kept(self, x: Tensor) -> dict[str, Tensor]:
        return {"": self.memory.elapsed(self._passed(x)).norm(dim=-2)}

    def gating(self, x: Tensor) -> dict[str, Gate]:
        return {"time": Gate(self._passed(x), is_sigmoid=True)}

    def _passed(self, x: Tensor) -> Tensor:
        return torch.sigmoid((x @ self.time).to(self.memory.dtype))

    def prefill(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> tuple[Tensor, State]:
        self.check(x, lengths, starts)
        y, states, time = self._mix(x, self.init_state(len(x)), starts)
        memory, weight = at_the_end(states, lengths), at_the_end(time, lengths)
        return y, {"memory": memory, "weight": weight, "position": positions_seen(x, lengths, starts)}

    def init_state(self, batch: int) -> State:
        memory = self.memory.fresh_states(batch)
        weight = torch.ones_like(memory[:, 0])
        return {"memory": memory, "weight": weight, "position": fresh_position(batch, memory.device)}

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        self.check_state(x_t, state)
        y, states, time = self._mix(x_t[:, None], state)
        return y[:, 0], {"memory": states[:, 0], "weight": time[:, 0], "position": state["position"] + 1}

    def state_bytes(self, batch: int, length: int) -> int:
        return batch * (3 * self.memory.fresh_states().nbytes // 2 + 8)

    def flops(self, length: int) -> float:
        """A matrix product, a complex product and a real sum; exponentials and sines count as one."""
        dim = len(self.memory.size)
        return length * (2.0 * dim**2 + 18 * dim)
