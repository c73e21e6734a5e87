"""TDLN: a DLN whose input decides how much time passes at each position, as S6 does (arXiv 2312.00752)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqlab.kernels.scan import scan
from seqlab.kernels.timed_scan import timed_scan
from seqlab.mixers import Mixer, SequenceMixer, State, fresh_position
from seqlab.nn.gate import Gate
from seqlab.nn.inits import residual
from seqlab.nn.linear import Linear
from seqlab.nn.memory import Memory, Oscillators, forgetting
from seqlab.nn.norms.layernorm import LayerNorm
from seqlab.nn.rows import at_the_end, positions_seen
from seqlab.spec import Field

__all__ = ["TDLN", "TimedMemory", "TimedOscillators"]


class TDLN(Mixer):
    """y_l = Re s_l with t = sigmoid(time_bias + W_t x + b_t) and s_l = z^t s_{l-1} + t . (W_d x + b_d), where
    z = size e^{i theta}; inputs of any length.

    Each further level is h <- norm(relu(y(h) + h)) with a recurrence and a layer norm of its own. The norm is over
    the features of one position: over all positions, as in the first public code, it would show the future.
    Linears are drawn by torch's default, uniform within 1/sqrt(fan_in), biases too.
    """

    source: ClassVar[str] = "randomekek/sequence, August 2023; S6, arXiv 2312.00752"
    complexity: ClassVar[str] = "L"

    time_bias: float = 0.0
    """Added before the sigmoid; a large one lets one unit of time pass at every position: the DLN of W_d x + b_d."""
    levels: int = Field(default=0, ge=0)
    """Levels after the first recurrence."""
    residual: bool = True
    """Whether a level adds h; else it is norm(relu(y(h)))."""
    memory: Memory = Memory()
    """Size and theta: how they are drawn, and whether they are trained."""

    def build(self, *, dim: int, length: int) -> TimedOscillators:
        return TimedOscillators(self, dim)


class TimedMemory(nn.Module):
    """The input and the decay of one recurrence."""

    def __init__(self, spec: TDLN, dim: int) -> None:
        super().__init__()
        self.time_bias = spec.time_bias
        self.time = Linear(dim, dim)
        # The output is linear in this one's, without a norm or a linear between, where there is one level.
        self.data = Linear(dim, dim) if spec.levels else residual(Linear(dim, dim))
        self.memory = spec.memory.build(dim=dim)

    def reset_parameters(self) -> None:
        self.time.reset_parameters()
        self.data.reset_parameters()
        self.memory.reset_parameters()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, L, D) -> u (B, L, 1, D) and z^t (B, L, 2, D), in float32 or wider."""
        return self._inputs(self.time(x), self.data(x))

    def _inputs(self, time: Tensor, data: Tensor) -> tuple[Tensor, Tensor]:
        time = self._passed(time)
        return (time * data.to(time.dtype))[:, :, None], self.memory.elapsed(time)

    def _passed(self, time: Tensor) -> Tensor:
        return torch.sigmoid(time.to(self.memory.dtype) + self.time_bias)

    def opened(self, x: Tensor) -> Gate:
        """The time that passes, of 0 to 1, by which data is multiplied too: (B, L, D) -> (B, L, D)."""
        return Gate(self._passed(self.time(x)), is_sigmoid=True)

    def remembered(self, x: Tensor, starts: Tensor | None) -> Tensor:
        """y (B, L, D) alone, from an empty memory. Where there is a gradient, the states at the borders of pieces are
        all that is kept of what lies between the linears and y."""
        memory = self.memory
        time, data = self.time(x), self.data(x)
        return timed_scan(time, data, memory.size, memory.theta, starts=starts, bias=self.time_bias)[0]


class TimedOscillators(SequenceMixer):
    """State: `memory` (B, levels + 1, 2, D), s after the last position as real and imaginary part, in float32 or
    wider."""

    causal = True
    max_length = None
    resets = True

    def __init__(self, spec: TDLN, dim: int) -> None:
        super().__init__()
        self.dim, self.residual = dim, spec.residual
        self.recurrences = nn.ModuleList(TimedMemory(spec, dim) for _ in range(spec.levels + 1))
        self.norms = nn.ModuleList(LayerNorm().build(dim=dim) for _ in range(spec.levels))

    def reset_parameters(self) -> None:
        for part in (*self.recurrences, *self.norms):
            part.reset_parameters()

    def param_groups(self) -> list[dict[str, Any]]:
        return [group for memory in self._memories() for group in memory.param_groups()]

    def _memories(self) -> list[Oscillators]:
        return [part for part in self.modules() if isinstance(part, Oscillators)]

    def forward(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> Tensor:
        self.check(x, lengths, starts)
        for level, recurrence in enumerate(self.recurrences):
            x = self._level(level, cast(TimedMemory, recurrence).remembered(x, starts), x)
        return x

    def _level(self, level: int, y: Tensor, x: Tensor) -> Tensor:
        """What a level gives to the next, of what it remembers and of its input."""
        if not level:
            return y
        normed: Tensor = self.norms[level - 1](F.relu(y + x if self.residual else y))
        return normed

    def _mix(
        self, x: Tensor, starts: Tensor | None, before: Sequence[Tensor | None] | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """y and each level's states (B, L, 2, D). Right padding lies in the future of every real position."""
        levels = [(states, y) for _, states, y in self._levels(x, starts, before)]
        return levels[-1][1], [states for states, _ in levels]

    def _levels(
        self, x: Tensor, starts: Tensor | None = None, before: Sequence[Tensor | None] | None = None
    ) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Each level's decay (B, L, 2, D), its states (B, L, 2, D), and what it gives to the next."""
        for level, recurrence in enumerate(self.recurrences):
            u, decay = recurrence(x)
            states = scan(u, forgetting(decay, starts), None if before is None else before[level])
            x = self._level(level, states[:, :, 0].to(x.dtype), x)
            yield decay, states, x

    def kept(self, x: Tensor) -> dict[str, Tensor]:
        return {str(level): decay.norm(dim=-2) for level, (decay, _, _) in enumerate(self._levels(x))}

    def gating(self, x: Tensor) -> dict[str, Gate]:
        found = {}
        for level, (recurrence, (_, _, y)) in enumerate(zip(self.recurrences, self._levels(x), strict=True)):
            found[f"{level}.time"] = cast(TimedMemory, recurrence).opened(x)
            x = y
        return found

    def prefill(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> tuple[Tensor, State]:
        self.check(x, lengths, starts)
        y, states = self._mix(x, starts)
        memory = torch.stack([at_the_end(level, lengths) for level in states], dim=1)
        return y, {"memory": memory, "position": positions_seen(x, lengths, starts)}

    def init_state(self, batch: int) -> State:
        memory = self._memories()[0].fresh_states(batch, len(self.recurrences))
        return {"memory": memory, "position": fresh_position(batch, memory.device)}

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        self.check_state(x_t, state)
        y, states = self._mix(x_t[:, None], None, state["memory"].unbind(1))
        state["memory"], state["position"] = torch.cat(states, dim=1), state["position"] + 1
        return y[:, 0], state

    def state_bytes(self, batch: int, length: int) -> int:
        return batch * (sum(memory.fresh_states().nbytes for memory in self._memories()) + 8)

    def flops(self, length: int) -> float:
        """Two linears, a complex product and a real sum for each level; exponentials and sines count as one."""
        return length * len(self.recurrences) * (4.0 * self.dim**2 + 18 * self.dim)
