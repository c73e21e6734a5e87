"""The cell of the matrix LSTMs: how it is computed, and what is kept of it between steps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from seqlab.kernels.mlstm import Form, InputGate, mlstm, mlstm_step, way_of
from seqlab.nn.gate import Gate
from seqlab.spec import Field, Part, SpecError

__all__ = ["MatrixCell", "StateDtype", "compute_by", "resolved"]

StateDtype = Literal["auto", "float64", "float32", "bfloat16"]
ENTRIES = ("memory", "normaliser", "stabiliser")


class MatrixCell(Part):
    """C' = f C + i k v', n' = f n + i k, h = C'^T q / max(|n' q|, 1), of every head, with q divided by sqrt(E).

    i = exp(a) or sigmoid(a), f = sigmoid(b). With exp everything is kept divided by exp(m), m the running maximum of
    the exponents from 0 on, and eps is added to the divisor in that scale (arXiv 2405.04517, 2503.14376).
    """

    input_gate: InputGate = "exponential"
    """i: exp(a), or sigmoid(a), which needs no stabiliser (arXiv 2503.14376)."""
    normalised: bool = True
    """Whether a sigmoid gate's h is divided by max(|n q|, 1); with an exponential gate it always is."""
    form: Form = "chunkwise"
    """How a sequence is computed: in chunks, with all pairs of positions, or one position after the other."""
    chunk: int = Field(default=64, ge=1)
    """Positions of a chunk in the chunkwise form; the last may be shorter."""
    state_dtype: StateDtype = "auto"
    """What C and n are kept in between steps; auto: float32, or the parameters' dtype where that is wider. m is never
    kept in less than float32, for exp(m) would be off by 6 % in bfloat16."""
    eps: float = Field(default=1e-6, ge=0)
    """Added to the divisor of h after stabilisation (exponential gate)."""

    def check(self) -> None:
        if self.input_gate == "exponential" and not self.normalised:
            raise SpecError("normalised=false needs input_gate=sigmoid: what exponential gates write has no bound.")

    def opened(self, a: Tensor) -> Gate:
        """The input gate i of its pre-activation, without the stabiliser."""
        return Gate(a.sigmoid(), is_sigmoid=True) if self.input_gate == "sigmoid" else Gate(a.exp())

    def sequence(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        a: Tensor,
        b: Tensor,
        starts: Tensor | None,
        state: dict[str, Tensor] | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """q and k (B, L, H, Q), v (B, L, H, E), a and b (B, L, H) -> h (B, L, H, E), and the state's entries at the
        end: `memory` C (B, H, Q, E), `normaliser` n (B, H, Q), `stabiliser` m (B, H). From zeros, or from a state."""
        initial = None if state is None else _initial(state)
        h, c, n, m = mlstm(
            q, k, v, a, b, initial, starts, form=self.form, chunk=self.chunk, gate=self.input_gate,
            normalised=self.normalised, eps=self.eps,
        )  # fmt: skip
        return h, self._kept(c, n, m, q.dtype)

    def step(
        self, q: Tensor, k: Tensor, v: Tensor, a: Tensor, b: Tensor, state: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The same without the axis L, and the state before -> h (B, H, E) and the entries after."""
        h, c, n, m = mlstm_step(
            q, k, v, a, b, _initial(state), gate=self.input_gate, normalised=self.normalised,
            eps=self.eps,
        )  # fmt: skip
        return h, self._kept(c, n, m, q.dtype)

    def init_state(self, batch: int, heads: int, keys: int, values: int, like: Tensor) -> dict[str, Tensor]:
        """The entries before the first position, for heads of that many keys and values."""
        c, n = like.new_zeros(batch, heads, keys, values), like.new_zeros(batch, heads, keys)
        return self._kept(c, n, like.new_zeros(batch, heads), like.dtype)

    def _kept(self, c: Tensor, n: Tensor, m: Tensor, dtype: torch.dtype) -> dict[str, Tensor]:
        wide = torch.promote_types(dtype, torch.float32)
        kept: torch.dtype = wide if self.state_dtype == "auto" else getattr(torch, self.state_dtype)
        entries = c.to(kept), n.to(kept), m.to(torch.promote_types(kept, torch.float32))
        return dict(zip(ENTRIES, entries, strict=True))

    def flops(self, length: int, heads: int, keys: int, values: int) -> float:
        """Operations of one row's sequence in its form, heads of that many keys and values."""
        pairs = {"chunkwise": min(self.chunk, length), "parallel": length, "recurrent": 0}[self.form]
        return 2.0 * length * heads * (pairs * (keys + values + 1) + 2 * keys * (values + 1))


def _initial(state: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    memory, normaliser, stabiliser = (state[name] for name in ENTRIES)
    return memory, normaliser, stabiliser


def compute_by(
    model: nn.Module, *, form: Form | None = None, chunk: int | None = None, state_dtype: StateDtype | None = None
) -> None:
    """Let every cell of a built model be computed so; None leaves it as it is. Raises SpecError where there is none."""
    asked = {"form": form, "chunk": chunk, "state_dtype": state_dtype}
    changes: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    mixers = _with_cells(model)
    if changes and not mixers:
        raise SpecError(f"this model has no matrix LSTM, of which alone a {' or '.join(changes)} can be chosen.")
    for mixer in mixers:
        mixer.cell = replace(cast(MatrixCell, mixer.cell), **changes)  # type: ignore[assignment]  # no module


def resolved(model: nn.Module) -> dict[str, Any]:
    """How the matrix LSTMs of a built model are computed where its weights are: the kernel of a sequence, the positions
    of a chunk, the kernel of a step, and the dtype of the states. Empty for a model without any."""
    told: dict[str, Any] = {}
    for mixer in _with_cells(model):
        cell, weight = cast(MatrixCell, mixer.cell), next(mixer.parameters())
        state = cell.init_state(1, 1, 1, 1, weight)["memory"]
        kernel = way_of(cell.form, weight)
        told = {"sequence": kernel, "chunk": cell.chunk if kernel in ("chunkwise", "triton") else None}
        told |= {"step": "recurrent", "state_dtype": str(state.dtype).removeprefix("torch.")}
    return told


def _with_cells(model: nn.Module) -> list[nn.Module]:
    return [module for module in model.modules() if isinstance(getattr(module, "cell", None), MatrixCell)]
