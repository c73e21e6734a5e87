"""H3: a shift and a diagonal state space model between three projections (Fu et al., arXiv 2212.14052)."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from seqlab.filters.s4d import S4DKernel
from seqlab.filters.shift import ShiftKernel
from seqlab.mixers import Mixer, SequenceMixer, State, fresh_position
from seqlab.mixers.shared.convolution import convolve
from seqlab.nn.inits import residual
from seqlab.nn.rows import last_position, positions_seen, without_padding
from seqlab.spec import Field, SpecError

__all__ = ["H3", "H3Layer"]


class H3(Mixer):
    """y = W (q^T S), S = K_diagonal * (kbar v^T) + D (kbar v^T), kbar = K_shift * k + D_k . k; inputs of any length.

    q, k and v are linears of the input; kbar v^T is the outer product (E x E) of each head's E = head_dim features,
    whose entries share the head's diagonal kernel. Features are laid out head by head. Linears are drawn by torch's
    default, uniform within 1/sqrt(fan_in), biases too; the skips by N(0, 1); the kernels as their filters state.
    """

    source: ClassVar[str] = "Fu et al., arXiv 2212.14052"
    complexity: ClassVar[str] = "L log L"

    head_dim: int = Field(default=1, ge=1)
    """E, the features of a head; it divides D. With 1, all products are elementwise."""
    shift: ShiftKernel = ShiftKernel()
    """The shift model of the keys, one each feature."""
    kernel: S4DKernel = S4DKernel(discretisation="bilinear", spectrum="lin")
    """The diagonal model of the outer products, one each head."""

    def build(self, *, dim: int, length: int) -> H3Layer:
        if dim % self.head_dim:
            raise SpecError(f"a head_dim of {self.head_dim} does not divide {dim} features; choose a divisor of {dim}.")
        return H3Layer(self, dim, length)


class H3Layer(SequenceMixer):
    """State: `keys` (B, D, N - 1), the shift model's last inputs; `products` (B, E, E, H, N/2, 2), the diagonal
    models' states. Outer products are laid out (.., E of k, E of v, H)."""

    causal = True
    max_length = None
    resets = True

    def __init__(self, spec: H3, dim: int, length: int) -> None:
        super().__init__()
        self.head_dim, self.heads = spec.head_dim, dim // spec.head_dim
        self.project = nn.Linear(dim, 3 * dim)
        self.shift = spec.shift.build(channels=dim, length=length)
        self.key_skip = nn.Parameter(torch.empty(dim))
        self.kernel = spec.kernel.build(channels=self.heads, length=length)
        self.skip = nn.Parameter(torch.empty(self.heads))
        self.out = residual(nn.Linear(dim, dim))
        self._reset_skips()

    def reset_parameters(self) -> None:
        for part in (self.project, self.shift, self.kernel, self.out):
            part.reset_parameters()
        self._reset_skips()

    def _reset_skips(self) -> None:
        nn.init.normal_(self.key_skip)
        nn.init.normal_(self.skip)

    def param_groups(self) -> list[dict[str, Any]]:
        return self.shift.param_groups() + self.kernel.param_groups()

    def forward(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> Tensor:
        self.check(x, lengths, starts)
        return self._mix(x, lengths, starts)[0]

    def _mix(self, x: Tensor, lengths: Tensor | None, starts: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """y, the inputs of the shift models (B, L, D) and those of the diagonal ones (B, L, E, E, H)."""
        q, k, v = self._project(without_padding(x, lengths))
        shifted = convolve(k, self.shift.taps(x.shape[1]), self.key_skip, starts)
        products = self._outer(shifted, v)
        taps = self.kernel.taps(x.shape[1])
        mixed = convolve(products.flatten(2), taps, self.skip, starts).view_as(products)
        return self._read_out(q, mixed, x.dtype), k, products

    def _project(self, x: Tensor) -> tuple[Tensor, ...]:
        projected: Tensor = self.project(x)
        return projected.to(torch.promote_types(x.dtype, torch.float32)).chunk(3, dim=-1)

    def _by_head(self, features: Tensor) -> Tensor:
        """(.., D) -> (.., E, H)."""
        return features.view(*features.shape[:-1], self.heads, self.head_dim).transpose(-1, -2)

    def _outer(self, k: Tensor, v: Tensor) -> Tensor:
        return self._by_head(k)[..., :, None, :] * self._by_head(v)[..., None, :, :]

    def _read_out(self, q: Tensor, mixed: Tensor, dtype: torch.dtype) -> Tensor:
        read = (self._by_head(q)[..., :, None, :] * mixed).sum(-3)
        y: Tensor = self.out(read.transpose(-1, -2).flatten(-2).to(dtype))
        return y

    def prefill(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> tuple[Tensor, State]:
        self.check(x, lengths, starts)
        y, k, products = self._mix(x, lengths, starts)
        last, seen = last_position(x, lengths), positions_seen(x, lengths, starts)
        squared = self.head_dim**2
        flat = products.permute(0, 2, 3, 1, 4).flatten(0, 2)  # (B E E, L, H)
        states = self.kernel.memory_after(flat, last.repeat_interleave(squared), seen.repeat_interleave(squared))
        return y, {
            "keys": self.shift.memory_after(k, last, seen),
            "products": states.unflatten(0, (-1, self.head_dim, self.head_dim)),
            "position": seen,
        }

    def init_state(self, batch: int) -> State:
        return {
            "keys": self.shift.init_memory(batch),
            "products": self.kernel.init_memory(batch, self.head_dim, self.head_dim),
            "position": fresh_position(batch, self.skip.device),
        }

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        self.check_state(x_t, state)
        q, k, v = self._project(x_t)
        shifted, keys = self.shift.step(k, state["keys"])
        products = self._outer(shifted + self.key_skip * k, v)
        mixed, states = self.kernel.step(products, state["products"])
        y = self._read_out(q, mixed + self.skip * products, x_t.dtype)
        return y, {"keys": keys, "products": states, "position": state["position"] + 1}

    def state_bytes(self, batch: int, length: int) -> int:
        return sum(tensor.nbytes for tensor in self.init_state(1).values()) * batch

    def flops(self, length: int) -> float:
        """The kernels' own evaluation, which does not grow with the batch, is left out."""
        dim = self.heads * self.head_dim
        convolved = dim * (1 + self.head_dim)
        transforms = 3 * 5 * math.log2(max(2 * length, 2))
        return length * (2.0 * 4 * dim * dim + convolved * (transforms + 2) + 3 * dim * self.head_dim)
