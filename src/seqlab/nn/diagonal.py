"""The mathematics of a diagonal state space model (S4D, arXiv 2206.11893): s' = A s + B u, y = 2 Re(C s).

Of N complex states one of each conjugate pair is kept, N/2 of them; H models run side by side. Sampled with the step
dt, s_t = decay s_{t-1} + u_t and y_t = 2 Re sum_n weight_n s_t,n, where weight = C Bbar: the output knows B and C by
their product only. Decays are computed in float64: at a late tap an angle has gone through thousands of turns, and
float32 would have few digits left for the fraction of the last one.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from jaxtyping import Complex, Float, Int
from torch import Tensor

from seqlab.nn.rows import latest

__all__ = ["Discretisation", "Recurrence", "Spectrum", "discretise", "frequencies", "kernel", "state_after", "step"]

Discretisation = Literal["zoh", "bilinear"]
Spectrum = Literal["lin", "inv", "legs"]


class Recurrence(NamedTuple):
    """s_t = exp(log_decay) s_{t-1} + u_t and y_t = 2 Re sum_n weight_n s_t,n."""

    log_decay: Complex[Tensor, "h n"]
    weight: Complex[Tensor, "h n"]


def frequencies(law: Spectrum, pairs: int) -> Float[Tensor, " n"]:
    """The imaginary parts of A at the start, N = 2 pairs, n = 0, 1, .. (arXiv 2206.11893, section 4): pi n (lin);
    (N / pi) (N / (2n + 1) - 1) (inv); those of the normal part of HiPPO-LegS, the largest first (legs)."""
    index = torch.arange(pairs, dtype=torch.float64)
    if law == "lin":
        return math.pi * index
    if law == "inv":
        return 2 * pairs / math.pi * (2 * pairs / (2 * index + 1) - 1)
    root = (2 * torch.arange(2 * pairs, dtype=torch.float64) + 1).sqrt()
    skew = torch.tril(root[:, None] * root / 2, -1)
    both_signs: Tensor = torch.linalg.eigvalsh(1j * (skew.T - skew))
    return both_signs.flip(0)[:pairs]


def discretise(
    A: Complex[Tensor, "h n"],
    BC: Complex[Tensor, "h n"],
    dt: Float[Tensor, " h"],
    method: Discretisation,
) -> Recurrence:
    """zoh: decay = exp(dt A), Bbar = (decay - 1) / A B. bilinear: decay = (1 + dt A / 2) / (1 - dt A / 2),
    Bbar = dt / (1 - dt A / 2) B. All arguments are in double precision."""
    step = dt[:, None] * A
    if method == "zoh":
        return Recurrence(step, torch.expm1(step) / A * BC)
    return Recurrence(torch.log((1 + step / 2) / (1 - step / 2)), dt[:, None] / (1 - step / 2) * BC)


def kernel(recurrence: Recurrence, length: int, dtype: torch.dtype) -> Float[Tensor, "h l"]:
    """The impulse response: K_l = 2 Re sum_n weight_n decay_n^l.

    With l = a m + b the power is one of few coarse ones times one of few fine ones, and the sum over n is a matrix
    product: the (H, N, L) powers never exist.
    """
    coarse, fine = _tables(recurrence.log_decay, length, dtype)
    coarse = coarse * recurrence.weight.to(coarse.dtype)[:, None]
    taps = _real(coarse.conj().resolve_conj()) @ _real(fine).mT
    return 2 * taps.flatten(1)[:, :length]


def state_after(
    recurrence: Recurrence, u: Float[Tensor, "b l h"], last: Int[Tensor, " b"], seen: Int[Tensor, " b"]
) -> Float[Tensor, "b h n 2"]:
    """The state after position `last` of each row when its `seen` last inputs count, in u's dtype."""
    coarse, fine = _tables(recurrence.log_decay, u.shape[1], u.dtype)
    by_age = latest(u, last, seen, coarse.shape[1] * fine.shape[1]).flip(1)
    blocks = by_age.unflatten(1, (coarse.shape[1], fine.shape[1]))
    within = torch.einsum("bamh,hmn->bhan", blocks, _real(fine))
    states = (torch.view_as_complex(within.unflatten(-1, (-1, 2)).contiguous()) * coarse).sum(2)
    return torch.view_as_real(states)


def step(
    decay: Complex[Tensor, "h n"],
    weight: Complex[Tensor, "h n"],
    u: Float[Tensor, "*b h"],
    state: Float[Tensor, "*b h n 2"],
) -> tuple[Float[Tensor, "*b h"], Float[Tensor, "*b h n 2"]]:
    """One position: the output and the new state, both in the state's dtype."""
    held = torch.view_as_complex(state) * decay + u[..., None]
    return 2 * (held * weight).real.sum(-1), torch.view_as_real(held)


def _tables(
    log_decay: Complex[Tensor, "h n"], length: int, dtype: torch.dtype
) -> tuple[Complex[Tensor, "h a n"], Complex[Tensor, "h m n"]]:
    """decay^(a m) and decay^b for b < m, a m + b reaching all of 0 .. length - 1; m is about sqrt(length)."""
    block = 1 << ((length - 1).bit_length() + 1) // 2
    return _powers(log_decay * block, -(-length // block), dtype), _powers(log_decay, min(block, length), dtype)


def _powers(log_decay: Complex[Tensor, "h n"], count: int, dtype: torch.dtype) -> Complex[Tensor, "h k n"]:
    """decay^k for k < count, by doubling: few factors are rounded from float64, and each power has few factors."""
    powers = _rounded(torch.ones_like(log_decay), dtype)[:, None]
    while powers.shape[1] < count:
        factor = _rounded((log_decay * powers.shape[1]).exp(), dtype)[:, None]
        powers = torch.cat([powers, powers * factor], dim=1)
    return powers[:, :count]


def _rounded(complex_numbers: Tensor, dtype: torch.dtype) -> Tensor:
    """Real and imaginary parts in `dtype`."""
    return torch.complex(complex_numbers.real.to(dtype), complex_numbers.imag.to(dtype))


def _real(complex_numbers: Tensor) -> Tensor:
    """(..., n) complex -> (..., 2n), real and imaginary parts in turn."""
    return torch.view_as_real(complex_numbers).flatten(-2)
