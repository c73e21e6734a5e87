"""The scalar LSTM: exponential gates, and a recurrence within each head (Beck et al., arXiv 2405.04517)."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqlab.kernels.slstm import slstm
from seqlab.mixers import Mixer, SequenceMixer, State, fresh_position
from seqlab.nn.block_linear import BlockLinear
from seqlab.nn.causal_convolution import CausalConvolution
from seqlab.nn.gate import Gate
from seqlab.nn.gates import closed_after
from seqlab.nn.head_norm import HeadNorm
from seqlab.nn.rows import at_the_end, last_position, positions_seen, without_padding
from seqlab.nn.small_init import small_std
from seqlab.spec import Field, SpecError

__all__ = ["SLSTM", "ScalarLSTM"]


class SLSTM(Mixer):
    """y = norm(h), h = sigmoid(o) c / n, c' = f c + i tanh(z), n' = f n + i, i = exp(.), f = sigmoid(.), each feature.

    All four pre-activations are block-diagonal linears with one block each head, i and f of silu(convolution(x)), z
    and o of x, plus a recurrence R h of the same head, plus a bias. The norm is a layer norm of each head; no linear
    follows. Inputs of any length; a sequence is computed position by position. Linears are drawn by N(0, 2 / (5 D)),
    the convolution by torch's default, R and the biases are 0 but for f, whose biases fall from 5 to -7 within a head
    as 5 - 12 (j / (E - 1))^power. Conventions of the package xlstm.
    """

    source: ClassVar[str] = "Beck et al., arXiv 2405.04517"
    complexity: ClassVar[str] = "L"

    heads: int = Field(default=4, ge=1)
    """Number of heads; it divides D."""
    taps: int = Field(default=4, ge=1)
    """Taps of the convolution before i and f."""
    forget_power: float = Field(default=0.3, gt=0)
    """Power in the forget gates' biases; the package xlstm has 0.3 in the first layer, 1.6 in the last."""
    norm_eps: float = Field(default=1e-5, gt=0)
    """Added to the variance in the heads' norm."""

    def build(self, *, dim: int, length: int) -> ScalarLSTM:
        if dim % self.heads:
            raise SpecError(f"{self.heads} heads do not divide {dim} features; choose a divisor of {dim}.")
        return ScalarLSTM(self, dim)


class Recurrence(nn.Module):
    """R (H, 4, E, E), gates i, f, z, o, and the biases (H, 4, E)."""

    keeps_float32 = True
    keeps_init = True

    def __init__(self, heads: int, width: int, forget_power: float) -> None:
        super().__init__()
        self.forget_power = forget_power
        self.weight = nn.Parameter(torch.empty(heads, 4, width, width))
        self.bias = nn.Parameter(torch.empty(heads, 4, width))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)
        with torch.no_grad():
            self.bias[:, 1] = 5 - 12 * torch.linspace(0, 1, self.bias.shape[-1]) ** self.forget_power


class ScalarLSTM(SequenceMixer):
    """State: `recent` (B, taps - 1, D), the convolution's last inputs; `output` h, `cell` c, `normaliser` n and
    `stabiliser` m (B, H, E), in float32 or wider."""

    causal = True
    max_length = None
    resets = True

    def __init__(self, spec: SLSTM, dim: int) -> None:
        super().__init__()
        self.heads = spec.heads
        self.convolution = CausalConvolution(dim, spec.taps)
        self.input_gate, self.forget_gate, self.value, self.output_gate = (
            BlockLinear(dim, spec.heads, small_std(dim)) for _ in range(4)
        )
        self.recurrence = Recurrence(spec.heads, dim // spec.heads, spec.forget_power)
        self.norm = HeadNorm(spec.heads, dim, spec.norm_eps)

    def reset_parameters(self) -> None:
        linears = self.input_gate, self.forget_gate, self.value, self.output_gate
        for part in (self.convolution, *linears, self.recurrence, self.norm):
            part.reset_parameters()

    def param_groups(self) -> list[dict[str, Any]]:
        """No weight decay on the biases: it would move every memory towards one length."""
        return [{"params": [self.recurrence.bias], "weight_decay": 0.0}]

    def forward(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> Tensor:
        self.check(x, lengths, starts)
        raw = self._raw(x, self.convolution(x, starts))
        h, *_ = slstm(raw, self.recurrence.weight, None, starts)
        normed: Tensor = self.norm(h)
        return normed.to(x.dtype)

    def kept(self, x: Tensor) -> dict[str, Tensor]:
        return {"": self._before_gates(x)[..., 1, :].sigmoid()}

    def gating(self, x: Tensor) -> dict[str, Gate]:
        """The input gate without the stabiliser, and the output gate."""
        i, _, _, o = self._before_gates(x).unbind(-2)
        return {"input": Gate(i.exp()), "output": Gate(o.sigmoid(), is_sigmoid=True)}

    def _before_gates(self, x: Tensor) -> Tensor:
        """The pre-activations with the recurrence (B, L, H, 4, E), in float32 or wider."""
        raw, weight = self._raw(x, self.convolution(x, None)), self.recurrence.weight
        h, *_ = slstm(raw, weight)
        before = torch.cat([torch.zeros_like(h[:, :1]), h[:, :-1]], dim=1).to(raw.dtype)
        return raw + torch.einsum("hgoi,blhi->blhgo", weight.to(raw.dtype), before)

    def prefill(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> tuple[Tensor, State]:
        self.check(x, lengths, starts)
        x, begins = without_padding(x, lengths), None if starts is None else without_padding(starts, lengths)
        last, seen = last_position(x, lengths), positions_seen(x, lengths, starts)
        raw = self._raw(x, self.convolution(x, begins))
        if lengths is not None:
            i, f, z, o = raw.unbind(3)
            raw = torch.stack([*closed_after(lengths, i, f), z, o], dim=3)
        h, c, n, m = slstm(raw, self.recurrence.weight, None, begins)
        state = self._state(at_the_end(h, lengths), c, n, m)
        recent = self.convolution.memory_after(x, last, seen)
        return self.norm(h).to(x.dtype), state | {"recent": recent, "position": seen}

    def _raw(self, x: Tensor, convolved: Tensor) -> Tensor:
        """(..., D) twice -> the pre-activations but for the recurrence, (..., H, 4, E), in float32 or wider."""
        u = F.silu(convolved)
        parts = self.input_gate(u), self.forget_gate(u), self.value(x), self.output_gate(x)
        wide = torch.promote_types(x.dtype, torch.float32)
        raw = torch.stack([part.unflatten(-1, (self.heads, -1)) for part in parts], dim=-2)
        return raw.to(wide) + self.recurrence.bias

    def _state(self, h: Tensor, c: Tensor, n: Tensor, m: Tensor) -> State:
        return {"output": h, "cell": c, "normaliser": n, "stabiliser": m}

    def init_state(self, batch: int) -> State:
        bias, recent = self.recurrence.bias, self.convolution.init_memory(batch)
        wide = torch.promote_types(bias.dtype, torch.float32)
        zeros = bias.new_zeros(4, batch, self.heads, bias.shape[-1], dtype=wide)
        return self._state(*zeros.unbind()) | {"recent": recent, "position": fresh_position(batch, bias.device)}

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        self.check_state(x_t, state)
        convolved, recent = self.convolution.step(x_t, state["recent"])
        y, after = self._continue(x_t[:, None], convolved[:, None], recent, state)
        return y[:, 0], after

    def extend(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        self.check_state(x[:, 0], state)
        return self._continue(x, *self.convolution.extend(x, state["recent"]), state)

    def _continue(self, x: Tensor, convolved: Tensor, recent: Tensor, state: State) -> tuple[Tensor, State]:
        """Positions (B, L, D) behind those of a state."""
        memory = state["output"], state["cell"], state["normaliser"], state["stabiliser"]
        h, c, n, m = slstm(self._raw(x, convolved), self.recurrence.weight, memory)
        after = self._state(h[:, -1], c, n, m) | {"recent": recent, "position": state["position"] + x.shape[1]}
        return self.norm(h).to(x.dtype), after

    def state_bytes(self, batch: int, length: int) -> int:
        return batch * sum(tensor.nbytes for tensor in self.init_state(1).values())

    def flops(self, length: int) -> float:
        linears = (self.input_gate, self.forget_gate, self.value, self.output_gate, self.convolution, self.recurrence)
        return 2.0 * length * sum(part.weight.numel() for part in linears)
