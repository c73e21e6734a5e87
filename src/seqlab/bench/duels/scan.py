"""The diagonal recurrence beside a loop over the positions and torch's associative scan."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from seqlab.bench import Options
from seqlab.bench.duels import Contest, lengths
from seqlab.bench.shared.passes import forward_backward
from seqlab.kernels.scan import scan
from seqlab.kernels.scan.parts import numbers, parts
from seqlab.nn.memory import Memory

__all__ = ["contests"]

DIM = 256
TOLERANCE = 1e-4
"""The peers sum the gradient of a constant decay over the positions in float32; ours does in float64."""


def contests(options: Options) -> Iterator[Contest]:
    """One row: TDLN, whose decays differ at every position, and DLN, whose decays are constant.

    The peers are timed on torch's complex numbers, without the real and imaginary parts that ours takes.
    """
    peers: list[tuple[str, Callable[[Tensor, Tensor], Tensor], float]] = [("a loop over positions", _loop, 20.0)]
    if _is_there():
        peers.append(("torch's associative scan", _associative_scan, 2.0))
    memory = Memory(trained=False).build(dim=DIM)
    for length in lengths(options, 4096):
        u = torch.randn(1, length, 1, DIM)
        for name, decay in (("tdln", memory.elapsed(torch.rand(1, length, DIM))), ("dln", memory.decay())):
            for against, peer, faster in peers:
                yield Contest(
                    what=f"{name} scan {length} float32 forward+backward",
                    ours=forward_backward(scan, u, decay),
                    peer=forward_backward(peer, numbers(u), numbers(decay)),
                    compared=(forward_backward(scan, u, decay), forward_backward(_of_parts(peer), u, decay)),
                    against=against,
                    tolerance=TOLERANCE,
                    faster=faster,
                    note=f"at least {_bytes(u, decay) / 1e6:.0f} MB pass through memory",
                )


def _of_parts(peer: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda u, decay: parts(peer(numbers(u), numbers(decay)))


def _loop(u: Tensor, z: Tensor) -> Tensor:
    state = torch.zeros_like(z.expand_as(u)[:, 0])
    states = []
    for u_l, z_l in zip(u.unbind(1), z.expand_as(u).unbind(1), strict=True):
        state = z_l * state + u_l
        states.append(state)
    return torch.stack(states, dim=1)


def _associative_scan(u: Tensor, z: Tensor) -> Tensor:
    from torch._higher_order_ops.associative_scan import associative_scan

    pairs = z.expand_as(u).contiguous(), u.to(z.dtype)
    states: Tensor = associative_scan(_after, pairs, dim=1, combine_mode="generic")[1]
    return states


def _after(first: tuple[Tensor, Tensor], then: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return first[0] * then[0], then[0] * first[1] + then[1]


def _is_there() -> bool:
    """Whether this torch's associative scan, a prototype, runs here with its gradient."""
    try:
        forward_backward(_associative_scan, torch.randn(1, 2, 1), torch.rand(1, 2, 1))()
    except (ImportError, NotImplementedError, RuntimeError):
        return False
    return True


def _bytes(u: Tensor, decay: Tensor) -> int:
    """Forward: inputs and decays are read, states written. Backward: the states' gradient, the states and the decays
    are read, the gradients of inputs and decays written."""
    states = 2 * u.nbytes
    return 2 * u.nbytes + 3 * states + 3 * decay.nbytes
