"""What was drawn from a random stream, and what was drawn twice: told from the numbers alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

__all__ = ["Drawing", "correlation", "looks_random", "twins"]

RANDOM = ("rand", "bernoulli", "normal", "uniform", "dropout", "multinomial", "poisson", "exponential", "cauchy")
COMPARED = 64
"""Numbers at the start of a tensor that two draws are compared by."""
FEWEST = 16
"""Numbers that a tensor must hold for its draws to be told apart."""


class Drawing(TorchDispatchMode):
    """Within, notes the names of operations that draw random numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if any(word in name for word in RANDOM) and "backward" not in name:
            self.operations.append(name)
        return func(*args, **(kwargs or {}))


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
