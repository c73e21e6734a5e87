"""What was drawn from a random stream, and what was drawn twice: told from the numbers alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from seqlab.kernels.listener import Listener

__all__ = ["Drawing", "Drawn", "correlation", "drawn_twice", "looks_random", "twins"]

RANDOM = ("rand", "bernoulli", "normal", "uniform", "dropout", "multinomial", "poisson", "exponential", "cauchy")
COMPARED = 64
"""Numbers at the start of a tensor that two draws are compared by."""
FEWEST = 16
"""Numbers that a tensor must hold for its draws to be told apart."""
KEPT = 65536
"""Numbers that are kept of each draw."""
SURELY = math.log(1e-9)
"""Logarithm of the chance below which two draws that are equal are held to be one."""


@dataclass(frozen=True)
class Drawn:
    """What an operation drew."""

    operation: str
    shape: tuple[int, ...]
    values: Tensor
    """The first KEPT of its numbers, as they were drawn."""

    @cached_property
    def content(self) -> tuple[tuple[int, ...], bytes]:
        """Shape and numbers: equal where two draws are the same."""
        return self.shape, self.values.cpu().view(torch.uint8).numpy().tobytes()

    @property
    def chance(self) -> float:
        """The logarithm of the chance that another draw has the same numbers, from how often each of them occurs: 0
        for a mask that leaves out nothing."""
        counts = self.values.unique(return_counts=True)[1].double()
        return self.values.numel() * math.log(float((counts / counts.sum()).square().sum()))


class Drawing(Listener):
    """Within, notes what operations draw that draw random numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.draws: list[Drawn] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        result = func(*args, **(kwargs or {}))
        if any(word in name for word in RANDOM) and "backward" not in name:
            found = result[-1] if isinstance(result, tuple | list) else result  # of a fused dropout, its mask
            if isinstance(found, Tensor):
                values = found.detach().flatten()[:KEPT].clone()
                self.draws.append(Drawn(name, tuple(found.shape), values))
        return result


def drawn_twice(draws: Sequence[Drawn]) -> tuple[int, int] | None:
    """The places of two draws that are the same numbers, and not by chance."""
    seen: dict[tuple[tuple[int, ...], bytes], int] = {}
    for place, draw in enumerate(draws):
        first = seen.setdefault(draw.content, place)
        if first != place and draw.chance < SURELY:
            return first, place
    return None


def looks_random(tensor: Tensor) -> bool:
    """Whether the numbers look drawn: nearly all different, and neighbours (along either axis) not correlated."""
    if tensor.numel() < 64 or not tensor.is_floating_point() or not tensor.isfinite().all():
        return False
    values = tensor.detach().flatten()[:65536].double()
    if values.abs().unique().numel() < 0.9 * values.numel():
        return False
    across = tensor.detach().double().flatten(1).T.flatten()[:65536] if tensor.ndim > 1 else values
    limit: float = max(4 * values.numel() ** -0.5, 0.05)
    return max(abs(correlation(x[1:], x[:-1])) for x in (values, across)) < limit


def correlation(a: Tensor, b: Tensor) -> float:
    """The correlation of the numbers of two tensors; 0 where one of them is constant."""
    a, b = (x.detach().double().flatten() - x.detach().double().mean() for x in (a, b))
    scale = a.norm() * b.norm()
    return float(a @ b / scale) if scale > 0 else 0.0


def twins(tensors: Mapping[str, Tensor]) -> tuple[str, str] | None:
    """Two tensors that begin with the same numbers, but for a common factor; shapes may differ."""
    seen: dict[tuple[float, ...], str] = {}
    for name, tensor in tensors.items():
        for count in {FEWEST, min(COMPARED, tensor.numel())} if tensor.numel() >= FEWEST else ():
            start = tensor.detach().flatten()[:count].double()
            size = start.norm()
            if not size or start.unique().numel() < count // 2:  # a mask, or a constant, is no draw
                continue
            numbers = tuple((start / size).round(decimals=4).tolist())
            if numbers in seen and seen[numbers] != name:
                return seen[numbers], name
            seen[numbers] = name
    return None
