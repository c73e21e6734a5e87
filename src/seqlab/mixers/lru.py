"""LRU: a linear recurrence of complex numbers on a ring, between two linears (Orvieto et al., arXiv 2303.06349)."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from seqlab.kernels.scan import scan
from seqlab.mixers import Mixer, SequenceMixer, State, fresh_position
from seqlab.nn.inits import residual
from seqlab.nn.linear import Linear
from seqlab.nn.memory import forgetting
from seqlab.nn.rows import at_the_end, positions_seen
from seqlab.spec import Field, SpecError

__all__ = ["LRU", "LinearRecurrence", "Ring"]


class LRU(Mixer):
    """y_l = Re(C s_l) + skip . x_l with s_l = z s_{l-1} + gamma . (B x_l) and z = exp(-exp(nu) + i exp(theta)), which
    is inside the unit circle whatever nu; inputs of any length.

    |z|^2 is drawn uniformly from the square of the inner to that of the outer radius, the phase uniformly up to
    `max_phase`; gamma starts at sqrt(1 - |z|^2), so that every state has the variance of its input. B by
    N(0, 1/(2D)), C by N(0, 1/states), each part, the skip by N(0, 1).
    """

    source: ClassVar[str] = "Orvieto et al., arXiv 2303.06349"
    complexity: ClassVar[str] = "L"

    states: int | None = Field(default=None, ge=1)
    """Number of complex states; none: D."""
    inner_radius: float = Field(default=0.0, ge=0, lt=1)
    """Least |z| at the start; 0.9 and more where the past is long."""
    outer_radius: float = Field(default=1.0, gt=0, le=1)
    """Largest |z| at the start."""
    max_phase: float = Field(default=2 * math.pi, gt=0)
    """Largest rotation at each position at the start, in radians; a small one looks at slow changes."""

    def check(self) -> None:
        if self.inner_radius >= self.outer_radius:
            raise SpecError(f"the inner radius {self.inner_radius:g} must be below the outer, {self.outer_radius:g}.")

    def build(self, *, dim: int, length: int) -> LinearRecurrence:
        return LinearRecurrence(self, dim)


class Ring(nn.Module):
    """z and gamma of every state, given in float32 or wider; log_nu, log_theta and log_gamma are trained."""

    keeps_float32 = True

    def __init__(self, spec: LRU, states: int) -> None:
        super().__init__()
        self.spec = spec
        self.log_nu = nn.Parameter(torch.empty(states))
        self.log_theta = nn.Parameter(torch.empty(states))
        self.log_gamma = nn.Parameter(torch.empty(states))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        inner, outer = self.spec.inner_radius, self.spec.outer_radius
        with torch.no_grad():
            # The open ends of the intervals: a state on the circle would have no input, one without phase no logarithm.
            squared = inner**2 + (outer**2 - inner**2) * _inside(self.log_nu)
            self.log_nu.copy_(torch.log(-0.5 * torch.log(squared)))
            self.log_theta.copy_(torch.log(self.spec.max_phase * _inside(self.log_theta)))
            self.log_gamma.copy_(0.5 * torch.log1p(-squared))

    def decay(self) -> Tensor:
        """z as real and imaginary part: (2, states)."""
        modulus, phase = torch.exp(-self._wide(self.log_nu).exp()), self._wide(self.log_theta).exp()
        return torch.stack([modulus * phase.cos(), modulus * phase.sin()])

    def gamma(self) -> Tensor:
        """(states,)."""
        return self._wide(self.log_gamma).exp()

    def fresh_states(self, batch: int) -> Tensor:
        """Zeros (B, 2, states)."""
        return self._wide(self.log_nu.new_zeros(batch, 2, len(self.log_nu)))

    def _wide(self, x: Tensor) -> Tensor:
        return x.to(torch.promote_types(x.dtype, torch.float32))


class LinearRecurrence(SequenceMixer):
    """State: `memory` (B, 2, states), s after the last position as real and imaginary part, in float32 or wider.

    `project` gives the real parts of B x and then the imaginary ones; `out` holds Re C and then -Im C.
    """

    causal = True
    max_length = None
    resets = True

    def __init__(self, spec: LRU, dim: int) -> None:
        super().__init__()
        states = dim if spec.states is None else spec.states
        self.project = Linear(dim, 2 * states, bias=False)
        self.ring = Ring(spec, states)
        self.out = residual(Linear(2 * states, dim, bias=False))
        self.skip = nn.Parameter(torch.empty(dim))
        self._reset_own()

    def reset_parameters(self) -> None:
        self.ring.reset_parameters()
        self._reset_own()

    def _reset_own(self) -> None:
        nn.init.normal_(self.project.weight, std=1 / math.sqrt(2 * self.project.in_features))
        nn.init.normal_(self.out.weight, std=1 / math.sqrt(len(self.ring.log_nu)))
        nn.init.normal_(self.skip)

    def param_groups(self) -> list[dict[str, Any]]:
        """No weight decay on the ring: it would move every state towards one place."""
        return [{"params": list(self.ring.parameters()), "weight_decay": 0.0}]

    def forward(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> Tensor:
        self.check(x, lengths, starts)
        return self._mix(x, starts)[0]

    def _mix(self, x: Tensor, starts: Tensor | None = None, before: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """y and the states (B, L, 2, states). Right padding lies in the future of every real position."""
        decay = self.ring.decay()
        u = self.ring.gamma() * self.project(x).unflatten(-1, (2, -1)).to(decay.dtype)
        states = scan(u, forgetting(decay, starts), before)
        return torch.addcmul(self.out(states.flatten(2).to(x.dtype)), self.skip, x), states

    def kept(self, x: Tensor) -> dict[str, Tensor]:
        return {"": self.ring.decay().norm(dim=0)}

    def prefill(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> tuple[Tensor, State]:
        self.check(x, lengths, starts)
        y, states = self._mix(x, starts)
        last = at_the_end(states, lengths)
        return y, {"memory": last, "position": positions_seen(x, lengths, starts)}

    def init_state(self, batch: int) -> State:
        memory = self.ring.fresh_states(batch)
        return {"memory": memory, "position": fresh_position(batch, memory.device)}

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        self.check_state(x_t, state)
        y, states = self._mix(x_t[:, None], before=state["memory"])
        return y[:, 0], {"memory": states[:, 0], "position": state["position"] + 1}

    def state_bytes(self, batch: int, length: int) -> int:
        return batch * (self.ring.fresh_states(1).nbytes + 8)

    def flops(self, length: int) -> float:
        """Two linears, a complex product and sum for each state, the input's scale and the skip."""
        linears = 2.0 * (self.project.weight.numel() + self.out.weight.numel())
        return length * (linears + 12 * len(self.ring.log_nu) + 2 * len(self.skip))


def _inside(like: Tensor) -> Tensor:
    """Uniform in (0, 1), away from both ends by 1e-6."""
    return torch.empty_like(like).uniform_(1e-6, 1 - 1e-6)
