"""H3: a shift and a diagonal state space model between three projections (Fu et al., arXiv 2212.14052)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from seqlab.filters import LongFilter
from seqlab.filters.s4d import S4DKernel
from seqlab.filters.shift import ShiftKernel
from seqlab.mixers import Mixer, State, fresh_position
from seqlab.mixers.shared.convolution import convolution_flops, convolve
from seqlab.mixers.shared.projections import ThreeProjections
from seqlab.nn.inits import residual
from seqlab.nn.linear import Linear
from seqlab.nn.outer import OuterProducts
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


class H3Layer(ThreeProjections):
    """State: `keys` (B, D, N - 1), the shift model's last inputs; `products` (B, E E, H, N/2, 2), the diagonal models'
    states, of each pair of a key's and a value's feature."""

    max_length = None

    def __init__(self, spec: H3, dim: int, length: int) -> None:
        super().__init__()
        heads = dim // spec.head_dim
        self.products = OuterProducts(heads, spec.head_dim)
        self.project = Linear(dim, 3 * dim)
        self.shift = spec.shift.build(channels=dim, length=length)
        self.key_skip = nn.Parameter(torch.empty(dim))
        self.kernel = spec.kernel.build(channels=heads, length=length)
        self.skip = nn.Parameter(torch.empty(heads))
        self.out = residual(Linear(dim, dim))
        self._reset_skips()

    def _filters(self) -> tuple[LongFilter, LongFilter]:
        return self.shift, self.kernel

    def _keys(self, k: Tensor, starts: Tensor | None) -> Tensor:
        return convolve(k, self.shift.taps(k.shape[1]), self.key_skip, starts)

    def _mix(self, x: Tensor, lengths: Tensor | None, starts: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """y, the inputs of the shift models (B, L, D) and those of the diagonal ones (B, L, E E H)."""
        # Padding cannot reach back by the formula, but a transform spreads its rounding everywhere.
        q, k, v = self._project(without_padding(x, lengths))
        products = self.products.outer(self._keys(k, starts), v)
        mixed = convolve(products, self.kernel.taps(x.shape[1]), self.skip, starts)
        return self.out(self.products.contract(q, mixed).to(x.dtype)), k, products

    def prefill(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> tuple[Tensor, State]:
        self.check(x, lengths, starts)
        y, k, products = self._mix(x, lengths, starts)
        last, seen = last_position(x, lengths), positions_seen(x, lengths, starts)
        flat = self._by_head(products).transpose(1, 2).flatten(0, 1)  # (B E E, L, H)
        squares = self.products.width**2
        states = self.kernel.memory_after(flat, last.repeat_interleave(squares), seen.repeat_interleave(squares))
        return y, {
            "keys": self.shift.memory_after(k, last, seen),
            "products": states.unflatten(0, (-1, squares)),
            "position": seen,
        }

    def _by_head(self, products: Tensor) -> Tensor:
        """(.., E E H) -> (.., E E, H)."""
        return products.view(*products.shape[:-1], -1, self.products.heads)

    def init_state(self, batch: int) -> State:
        return {
            "keys": self.shift.init_memory(batch),
            "products": self.kernel.init_memory(batch, self.products.width**2),
            "position": fresh_position(batch, self.skip.device),
        }

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        self.check_state(x_t, state)
        q, k, v = self._project(x_t)
        shifted, keys = self.shift.step(k, state["keys"])
        products = self._by_head(self.products.outer(shifted + self.key_skip * k, v))
        mixed, states = self.kernel.step(products, state["products"])
        read = self.products.contract(q, (mixed + self.skip * products).flatten(1))
        y: Tensor = self.out(read.to(x_t.dtype))
        return y, {"keys": keys, "products": states, "position": state["position"] + 1}

    def state_bytes(self, batch: int, length: int) -> int:
        return sum(tensor.nbytes for tensor in self.init_state(1).values()) * batch

    def flops(self, length: int) -> float:
        dim, width = self.out.in_features, self.products.width
        convolved = dim * (1 + width)
        return length * (2.0 * 4 * dim * dim + convolved * convolution_flops(length) + 3 * dim * width)
