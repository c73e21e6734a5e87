"""The scalar LSTM's loops over time in torch, with the gradient of a position written by hand."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from seqlab.kernels.slstm.through_time import Loops, Memory, Trace, slstm_through_time

__all__ = ["slstm_loop"]


def slstm_loop(
    x: Float[Tensor, "b l h 4 d"],
    recurrence: Float[Tensor, "h 4 d d"],
    initial: Memory | None = None,
    starts: Bool[Tensor, "b l"] | None = None,
) -> tuple[Float[Tensor, "b l h d"], Float[Tensor, "b h d"], Float[Tensor, "b h d"], Float[Tensor, "b h d"]]:
    """The reference's function, on any device."""
    return slstm_through_time(_TorchLoops(), x, recurrence, initial, starts)


class _TorchLoops(Loops):
    def forward(self, x: Tensor, recurrence: Tensor, initial: Memory, starts: Tensor | None) -> Trace:
        y, c, n, m = initial
        matrices = recurrence.flatten(1, 2)
        steps = []
        for t, x_t in enumerate(x.unbind(1)):
            if starts is not None:
                y, c, n = (entry.masked_fill(starts[:, t, None, None], 0) for entry in (y, c, n))
            i, f, z, o = (x_t + _by_head(y, matrices.mT).view_as(x_t)).unbind(2)
            empty, old = n == 0, F.logsigmoid(f) + m
            m = torch.where(empty, i, torch.maximum(i, old))
            gates = (i - m).exp(), (old - m).exp().masked_fill(empty, 0), z.tanh(), o.sigmoid(), (-f).sigmoid()
            c = gates[1] * c + gates[0] * gates[2]
            n = gates[1] * n + gates[0]
            y = gates[3] * c / n
            steps.append((y, c, n, torch.stack(gates, dim=2)))
        ys, cs, ns, all_gates = (torch.stack(entries, dim=1) for entries in zip(*steps, strict=True))
        return Trace(ys, cs, ns, m.clone(), all_gates)

    def backward(
        self, grads: tuple[Tensor, ...], recurrence: Tensor, initial: Memory, starts: Tensor | None, trace: Trace
    ) -> tuple[Tensor, Memory]:
        grad_ys, grad_c, grad_n, grad_m = grads
        grad_y = torch.zeros_like(grad_c)
        matrices = recurrence.flatten(1, 2)
        grad_x = []
        for t in reversed(range(grad_ys.shape[1])):
            c, n, (written, kept, z, o, shut) = trace.c[:, t], trace.n[:, t], trace.gates[:, t].unbind(2)
            c_before, n_before = (trace.c[:, t - 1], trace.n[:, t - 1]) if t else initial[1:3]
            grad_y = grad_y + grad_ys[:, t]
            share = grad_y * o / n
            grad_c, grad_n = grad_c + share, grad_n - share * c / n
            by_written = (grad_c * z + grad_n) * written
            by_kept = (grad_c * c_before + grad_n * n_before) * kept
            # m' is whichever exponent was larger: that one's gate is 1.
            grad_m = grad_m - by_written - by_kept
            to_i = torch.where(written >= kept, grad_m, 0)
            to_old = by_kept + grad_m - to_i
            raw = by_written + to_i, to_old * shut, grad_c * written * (1 - z * z), share * c * (1 - o)
            grad_x.append(torch.stack(raw, dim=2))
            grad_y = _by_head(grad_x[-1].flatten(2), matrices)
            grad_c, grad_n, grad_m = grad_c * kept, grad_n * kept, to_old
            if starts is not None:
                carried = (grad_y, grad_c, grad_n, grad_m)
                grad_y, grad_c, grad_n, grad_m = (g.masked_fill(starts[:, t, None, None], 0) for g in carried)
        return torch.stack(grad_x[::-1], dim=1), (grad_y, grad_c, grad_n, grad_m)


def _by_head(features: Tensor, matrices: Tensor) -> Tensor:
    """(b, h, i) by (h, i, o) -> (b, h, o), contiguous."""
    return torch.bmm(features.transpose(0, 1), matrices).transpose(0, 1).contiguous()
